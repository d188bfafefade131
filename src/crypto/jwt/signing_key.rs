//! Private keys of every algorithm: making, parsing and signing with them.
//!
//! Owns the one parsed handle of a key and the bytes of a new one. Does not know what a token is,
//! nor where keys are kept.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use zeroize::Zeroizing;

use crate::crypto::fault;
use crate::crypto::jwk::PublicJwk;
use crate::domain::signing_key::SigningAlg;
use crate::domain::stop::Fault;

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
}

/// A parsed private key, ready to sign. Its bytes exist in the crypto library's handle only.
pub struct SigningKey {
    /// The key's name: an RFC 7638 thumbprint unless [`named`](Self::named).
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// The public half.
    pub public: PublicJwk,
    pair: Pair,
}

/// A freshly made key: the parsed handle and the bytes to seal.
pub struct GeneratedKey {
    /// The parsed key.
    pub key: SigningKey,
    /// PKCS#8, to be sealed and dropped.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// Makes a new key. RSA takes about a tenth of a second: never on a request's path.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn generate(alg: SigningAlg) -> Result<GeneratedKey, Fault> {
        let doing = fault("generating a signing key");
        let pkcs8 = match alg {
            SigningAlg::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| pair.as_der())
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            SigningAlg::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
        }
        .map_err(doing)?;
        Ok(GeneratedKey { key: Self::parse(alg, &pkcs8)?, pkcs8 })
    }

    /// Parses a PKCS#8 private key.
    ///
    /// # Errors
    /// When the bytes are not a key of this algorithm.
    pub fn parse(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, Fault> {
        let doing = |rejected: aws_lc_rs::error::KeyRejected| {
            Fault::internal("parsing a signing key").because(rejected.to_string())
        };
        let (pair, public) = match alg {
            SigningAlg::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(doing)?;
                let public = pair.public_key();
                let modulus = public.modulus();
                let exponent = public.exponent();
                let jwk = PublicJwk::rsa(
                    modulus.big_endian_without_leading_zero(),
                    exponent.big_endian_without_leading_zero(),
                );
                (Pair::Rsa(Box::new(pair)), jwk)
            }
            SigningAlg::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(doing)?;
                // SEC 1 uncompressed point: 0x04 ‖ x ‖ y.
                let point = pair.public_key().as_ref();
                let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
                    return Err(Fault::internal("reading a P-256 public key"));
                };
                let jwk = PublicJwk::p256(x, y);
                (Pair::P256(pair), jwk)
            }
        };
        Ok(Self { kid: public.thumbprint(), alg, public, pair })
    }

    /// The same key under another name, for keys that verifiers know by it already.
    #[must_use]
    pub fn named(mut self, kid: String) -> Self {
        self.kid = kid;
        self
    }

    /// The signature of `message` in its JWS form (RFC 7518 §3.3, §3.4).
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        // Both ignore the generator: the library has its own.
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .map_err(fault("signing with RS256"))?;
                Ok(signature)
            }
            Pair::P256(pair) => pair
                .sign(&rng, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(fault("signing with ES256")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_nothing_but_the_name() {
        let made = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let (thumbprint, public) = (made.kid.clone(), made.public.clone());
        let named = made.named("2019-key".to_owned());
        assert_eq!((named.kid.as_str(), &named.public), ("2019-key", &public));
        assert_eq!(named.public.thumbprint(), thumbprint);
    }
}
