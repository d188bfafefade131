//! Private keys of every algorithm: generating, parsing and signing.
//!
//! Owns the parsed handle of a key and the bytes of a new one.

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use zeroize::Zeroizing;

use crate::crypto::fault;
use crate::crypto::jwk::PublicJwk;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;

use super::pkcs8::{ec_pkcs8, ed25519_pkcs8, rsa_pkcs8};

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A parsed private key, ready to sign. Its bytes are only in the crypto library's handle.
pub struct SigningKey {
    /// The key ID: an RFC 7638 thumbprint unless [`named`](Self::named).
    pub kid: String,
    /// Its signature algorithm.
    pub alg: SigningAlg,
    /// The public half.
    pub public: PublicJwk,
    pair: Pair,
}

/// A new key: the parsed handle and the bytes to seal.
pub struct GeneratedKey {
    /// The parsed key.
    pub key: SigningKey,
    /// PKCS#8, to be sealed and dropped.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// Generates a key. RSA takes about a tenth of a second, so never do this on a request's path.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn generate(alg: SigningAlg) -> Result<GeneratedKey, Fault> {
        let pkcs8 = match alg {
            SigningAlg::Rs256 | SigningAlg::Ps256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).and_then(|pair| rsa_pkcs8(&pair))
            }
            SigningAlg::Es256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).and_then(|p| ec_pkcs8(&p))
            }
            SigningAlg::Es384 => {
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).and_then(|p| ec_pkcs8(&p))
            }
            SigningAlg::EdDsa => Ed25519KeyPair::generate().and_then(|pair| ed25519_pkcs8(&pair)),
        }
        .map_err(fault("generating a signing key"))?;
        Ok(GeneratedKey { key: Self::parse(alg, &pkcs8)?, pkcs8 })
    }

    /// Parses a PKCS#8 private key (RFC 5958); its thumbprint is its key ID.
    ///
    /// # Errors
    /// When the bytes are not a key of this algorithm, or an RSA key of less than 2048 bits.
    pub fn parse(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, Fault> {
        let (pair, public) = match alg {
            SigningAlg::Rs256 => rsa(pkcs8, &RSA_PKCS1_SHA256)?,
            SigningAlg::Ps256 => rsa(pkcs8, &RSA_PSS_SHA256)?,
            SigningAlg::Es256 => ec(pkcs8, &ECDSA_P256_SHA256_FIXED_SIGNING, PublicJwk::p256)?,
            SigningAlg::Es384 => ec(pkcs8, &ECDSA_P384_SHA384_FIXED_SIGNING, PublicJwk::p384)?,
            SigningAlg::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(rejected)?;
                let public = PublicJwk::ed25519(pair.public_key().as_ref());
                (Pair::Ed25519(pair), public)
            }
        };
        Ok(Self { kid: public.thumbprint(), alg, public, pair })
    }

    /// The same key under another key ID, for keys that verifiers already know by it.
    #[must_use]
    pub fn named(mut self, kid: String) -> Self {
        self.kid = kid;
        self
    }

    /// The signature of `message` in its JWS form (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        // The interface requires a generator, but the library uses its own.
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &rng, message, &mut signature)
                    .map_err(fault("signing with RSA"))?;
                Ok(signature)
            }
            Pair::Ec(pair) => pair
                .sign(&rng, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(fault("signing with ECDSA")),
            Pair::Ed25519(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(fault("signing with Ed25519")),
        }
    }
}

fn rsa(pkcs8: &[u8], padding: &'static dyn RsaEncoding) -> Result<(Pair, PublicJwk), Fault> {
    // Refuses keys of less than 2048 bits.
    let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(rejected)?;
    let public = pair.public_key();
    let (modulus, exponent) = (public.modulus(), public.exponent());
    let jwk = PublicJwk::rsa(
        modulus.big_endian_without_leading_zero(),
        exponent.big_endian_without_leading_zero(),
    );
    Ok((Pair::Rsa(Box::new(pair), padding), jwk))
}

fn ec(
    pkcs8: &[u8],
    alg: &'static EcdsaSigningAlgorithm,
    public: fn(&[u8], &[u8]) -> PublicJwk,
) -> Result<(Pair, PublicJwk), Fault> {
    let pair = EcdsaKeyPair::from_pkcs8(alg, pkcs8).map_err(rejected)?;
    // SEC 1 §2.3.3, an uncompressed point: 0x04 ‖ x ‖ y, both as wide as the curve's field.
    let Some((_, point)) = pair.public_key().as_ref().split_first() else {
        return Err(Fault::internal("reading a public point"));
    };
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = public(x, y);
    Ok((Pair::Ec(pair), jwk))
}

fn rejected(rejected: KeyRejected) -> Fault {
    Fault::internal("parsing a signing key").with_source(rejected.to_string())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::crypto::test_vectors::{ED25519_D, ED25519_X, RFC_8037_EDDSA, SHORT_RSA};

    #[test]
    fn a_generated_key_is_parsed_only_by_its_own_algorithm() {
        for alg in SigningAlg::ALL.iter().copied() {
            let GeneratedKey { key, pkcs8 } = SigningKey::generate(alg).unwrap();
            let again = SigningKey::parse(alg, &pkcs8).unwrap();
            assert_eq!((&again.kid, again.alg, &again.public), (&key.kid, alg, &key.public));
            assert_eq!(key.kid, key.public.thumbprint());
            for other in SigningAlg::ALL.iter().copied() {
                let of_one_kind = other == alg
                    || matches!(
                        (alg, other),
                        (SigningAlg::Rs256, SigningAlg::Ps256)
                            | (SigningAlg::Ps256, SigningAlg::Rs256)
                    );
                assert_eq!(SigningKey::parse(other, &pkcs8).is_ok(), of_one_kind, "{alg} {other}");
            }
            for length in 0..pkcs8.len() {
                assert!(SigningKey::parse(alg, &pkcs8[..length]).is_err(), "{alg}, {length} bytes");
            }
        }
    }

    #[test]
    fn public_members_have_the_width_of_their_field() {
        let width = |member: &str| URL_SAFE_NO_PAD.decode(member).unwrap().len();
        for (alg, curve, bytes) in
            [(SigningAlg::Es256, "P-256", 32), (SigningAlg::Es384, "P-384", 48)]
        {
            // One coordinate in 256 begins with a zero byte, which must be kept.
            for _ in 0..600 {
                let PublicJwk::Ec { crv, x, y } = SigningKey::generate(alg).unwrap().key.public
                else {
                    panic!("no EC key")
                };
                assert_eq!((crv.as_str(), width(&x), width(&y)), (curve, bytes, bytes));
            }
        }
        let PublicJwk::Okp { crv, x } = SigningKey::generate(SigningAlg::EdDsa).unwrap().key.public
        else {
            panic!("no OKP key")
        };
        assert_eq!((crv.as_str(), width(&x)), ("Ed25519", 32));
        for alg in [SigningAlg::Rs256, SigningAlg::Ps256] {
            let PublicJwk::Rsa { n, e } = SigningKey::generate(alg).unwrap().key.public else {
                panic!("no RSA key")
            };
            assert_eq!((width(&n), e.as_str()), (256, "AQAB"));
        }
    }

    #[test]
    fn signatures_have_the_length_of_their_algorithm() {
        for (alg, bytes) in [
            (SigningAlg::Es256, 64),
            (SigningAlg::Rs256, 256),
            (SigningAlg::Ps256, 256),
            (SigningAlg::Es384, 96),
            (SigningAlg::EdDsa, 64),
        ] {
            let key = SigningKey::generate(alg).unwrap().key;
            assert_eq!(key.sign(b"message").unwrap().len(), bytes, "{alg}");
        }
    }

    #[test]
    fn the_ed25519_signature_of_rfc_8037_appendix_a_4() {
        let seed = URL_SAFE_NO_PAD.decode(ED25519_D).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let pkcs8 = ed25519_pkcs8(&pair).unwrap();
        let key = SigningKey::parse(SigningAlg::EdDsa, &pkcs8).unwrap();
        assert_eq!(key.public, PublicJwk::Okp { crv: "Ed25519".into(), x: ED25519_X.into() });
        let (message, signature) = RFC_8037_EDDSA.rsplit_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap()), signature);
    }

    #[test]
    fn an_ed25519_key_is_written_as_version_1_and_read_as_either() {
        let made = SigningKey::generate(SigningAlg::EdDsa).unwrap();
        assert_eq!(made.pkcs8.len(), 48);
        let pair = Ed25519KeyPair::from_pkcs8(&made.pkcs8).unwrap();
        let version_2 = pair.to_pkcs8().unwrap();
        assert!(version_2.as_ref().len() > 48);
        let again = SigningKey::parse(SigningAlg::EdDsa, version_2.as_ref()).unwrap();
        assert_eq!(again.kid, made.key.kid);
    }

    #[test]
    fn a_short_rsa_key_is_refused() {
        let short = STANDARD.decode(SHORT_RSA).unwrap();
        for alg in [SigningAlg::Rs256, SigningAlg::Ps256] {
            let refused = SigningKey::parse(alg, &short).err().unwrap();
            assert!(refused.to_string().contains("TooSmall"), "{refused}");
        }
    }

    #[test]
    fn a_name_changes_nothing_but_the_name() {
        let made = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let (thumbprint, public) = (made.kid.clone(), made.public.clone());
        let named = made.named("2019-key".to_owned());
        assert_eq!((named.kid.as_str(), &named.public), ("2019-key", &public));
        assert_eq!(named.public.thumbprint(), thumbprint);
    }
}
