//! Signed tokens: making them at the cost of the bare signature, and checking our own.
//!
//! Owns the parsed keys and the only call of `jsonwebtoken::decode`.
//! We assemble tokens ourselves because `jsonwebtoken::encode` parses the private key at every
//! call (docs/decisions/0006); the library verifies, and what it does not check (`crit`, `typ`,
//! presence of `aud`, our clock) is checked here.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::domain::claims::TokenType;
use crate::domain::signing_key::SigningAlg;
use crate::domain::stop::Fault;

use super::compact::Headers;
use super::fault;
use super::jwk::PublicJwk;

/// The longest token we look at, in bytes; ours have a few hundred.
pub const MAX_TOKEN: usize = 8 * 1024;

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
}

/// A parsed private key, ready to sign. Its bytes exist in the crypto library's handle only.
pub struct SigningKey {
    /// The key's name, an RFC 7638 thumbprint.
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

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
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

/// Signs tokens with one key: the headers are encoded once.
pub struct Signer {
    key: SigningKey,
    headers: Headers,
}

impl Signer {
    /// A signer of tokens with header exactly `alg`, `kid`, `typ`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let headers = Headers::new(key.alg.as_str(), &key.kid);
        Self { key, headers }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The signed token.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn sign(&self, typ: TokenType, claims: &impl Serialize) -> Result<String, Fault> {
        self.headers.token(typ, claims, |message| self.key.sign(message))
    }
}

/// What a token must be to pass.
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The audience.
    pub audience: &'a str,
    /// The `typ` header.
    pub typ: &'a str,
}

/// The unverified header of a token that has the outer form of a JWS.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedHeader {
    /// The algorithm it claims.
    pub alg: String,
    /// The key it names.
    pub kid: String,
    /// Its kind.
    pub typ: String,
}

impl UnverifiedHeader {
    /// Reads the header if the text is three non-empty base64url segments and the header is
    /// exactly `alg`, `kid`, `typ`: ours never has more, so `crit`, `jku`, `jwk`, `x5u` and every
    /// other invitation end here.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || payload.is_empty() || signature.is_empty() {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
    }
}

/// The public half of a key, ready to verify.
pub struct VerifyingKey {
    alg: SigningAlg,
    key: DecodingKey,
}

impl VerifyingKey {
    /// Prepares a public key.
    ///
    /// # Errors
    /// When the members are not base64url.
    pub fn new(alg: SigningAlg, jwk: &PublicJwk) -> Result<Self, Fault> {
        let key = match jwk {
            PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
            PublicJwk::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y),
        }
        .map_err(|error| Fault::internal("reading a public key").because(error))?;
        Ok(Self { alg, key })
    }

    /// The claims, if signature, algorithm, `typ`, `iss` and `aud` are right. Does not look at time.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        header: &UnverifiedHeader,
        expected: &Expected<'_>,
    ) -> Option<T> {
        if header.alg != self.alg.as_str() || header.typ != expected.typ {
            return None;
        }
        let mut validation = Validation::new(match self.alg {
            SigningAlg::Rs256 => Algorithm::RS256,
            SigningAlg::Es256 => Algorithm::ES256,
        });
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[expected.issuer]);
        validation.set_audience(&[expected.audience]);
        // The library reads the system clock; ours is injected and compared by the caller.
        validation.validate_exp = false;
        jsonwebtoken::decode(token, &self.key, &validation).ok().map(|data| data.claims)
    }
}
