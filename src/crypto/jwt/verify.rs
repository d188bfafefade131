//! Verifies Signet's own tokens: the header, the signature, then the registered claims.
//!
//! Owns the only call of `jsonwebtoken::decode` and what that library does not check: `crit`, `typ`, the presence
//! and the form of claims. Times are checked by the caller, which has the clock.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::crypto::jwk::PublicJwk;
use crate::domain::claims::TokenType;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;

/// The longest accepted token, in bytes. Most have a few hundred; an ID token with 8 KiB of claims has 12 KiB.
pub const MAX_TOKEN: usize = 16 * 1024;

/// The requirements on a token.
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The audience, which must be the token's only one.
    pub audience: &'a str,
    /// The `typ` header.
    pub typ: TokenType,
}

/// The unverified header of a token that has the outer form of a JWS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedHeader {
    /// The claimed algorithm.
    pub alg: String,
    /// The key ID.
    pub kid: String,
    /// The token type.
    pub typ: String,
}

impl UnverifiedHeader {
    /// Reads the header if the text has three non-empty base64url segments and the header is exactly `alg`, `kid`,
    /// `typ`. Signet's never has more, so `crit`, `jku`, `jwk`, `x5u` and all others are refused here.
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
        Self::read_part(header)
    }

    /// Reads the first segment alone, whatever follows it.
    pub(super) fn read_part(header: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
    }
}

/// The claims of every token, in the exact form in which Signet writes them. The library would also accept
/// fractional seconds, lists that contain the expected value, and any `iat`.
#[derive(Deserialize)]
struct Registered {
    iss: String,
    #[serde(rename = "sub")]
    _sub: String,
    aud: String,
    #[serde(rename = "exp")]
    _exp: Seconds,
    #[serde(rename = "iat")]
    _iat: Seconds,
    #[serde(rename = "nbf", default)]
    _nbf: Absent,
}

/// Whole seconds since the epoch, before the year 10000.
struct Seconds;

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0..253_402_300_800 => Ok(Self),
            _ => Err(D::Error::custom("not a time")),
        }
    }
}

/// A claim that Signet's tokens never have. Code that adds `nbf` must compare it with the clock; until then a token
/// with `nbf` is refused (RFC 7519 §4.1.5).
#[derive(Default)]
struct Absent;

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a claim that is not checked"))
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
    /// When the key is of another kind or size than the algorithm's.
    pub fn new(alg: SigningAlg, jwk: &PublicJwk) -> Result<Self, Fault> {
        if !jwk.fits(alg) {
            return Err(Fault::internal("a public key does not match its algorithm"));
        }
        let key = match jwk {
            PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
            PublicJwk::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y),
            PublicJwk::Okp { x, .. } => DecodingKey::from_ed_components(x),
        }
        .map_err(|error| Fault::internal("reading a public key").with_source(error))?;
        Ok(Self { alg, key })
    }

    /// The claims, if signature, algorithm, `typ`, `iss` and `aud` are right and the registered claims have the
    /// exact form. Times are not checked.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        header: &UnverifiedHeader,
        expected: &Expected<'_>,
    ) -> Option<T> {
        if header.alg != self.alg.as_str() || header.typ != expected.typ.as_str() {
            return None;
        }
        let mut validation = Validation::new(self.algorithm());
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[expected.issuer]);
        validation.set_audience(&[expected.audience]);
        // The library would read the system clock. The caller compares times with the injected clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode(token, &self.key, &validation).ok()?.claims;
        // The signature has been verified, so reading the payload again is safe.
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let registered: Registered = serde_json::from_slice(&payload).ok()?;
        let fits = registered.iss == expected.issuer && registered.aud == expected.audience;
        fits.then_some(claims)
    }

    /// Whether the signature of a token is valid under this key, to distinguish an altered token from one that is
    /// invalid in another way. This alone does not make the token valid; [`Self::verify`] checks the rest.
    #[must_use]
    pub fn made(&self, token: &str) -> bool {
        if token.len() > MAX_TOKEN {
            return false;
        }
        let Some((message, signature)) = token.rsplit_once('.') else { return false };
        let key = &self.key;
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, self.algorithm())
            .unwrap_or(false)
    }

    const fn algorithm(&self) -> Algorithm {
        match self.alg {
            SigningAlg::Es256 => Algorithm::ES256,
            SigningAlg::Rs256 => Algorithm::RS256,
            SigningAlg::Ps256 => Algorithm::PS256,
            SigningAlg::Es384 => Algorithm::ES384,
            SigningAlg::EdDsa => Algorithm::EdDSA,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Signer, SigningKey};
    use super::*;

    #[test]
    fn every_algorithm_verifies_what_it_signed_and_no_other_does() {
        let claims = json!({"iss": "i", "aud": "a", "sub": "s", "exp": 2, "iat": 1});
        let expected = Expected { issuer: "i", audience: "a", typ: TokenType::AtJwt };
        for alg in SigningAlg::ALL.iter().copied() {
            let signer = Signer::new(SigningKey::generate(alg).unwrap().key);
            let public = &signer.key().public;
            let key = VerifyingKey::new(alg, public).unwrap();
            let token = signer.sign(TokenType::AtJwt, &claims).unwrap();
            let header = UnverifiedHeader::read(&token).unwrap();
            assert_eq!(key.verify::<Value>(&token, &header, &expected), Some(claims.clone()));
            assert!(key.made(&token) && !key.made(&format!("{token}A")), "{alg}");
            assert!(!key.made(&token.replacen('e', "f", 1)) && !key.made("") && !key.made("a.b"));
            for other in SigningAlg::ALL.iter().copied().filter(|other| *other != alg) {
                let Ok(key) = VerifyingKey::new(other, public) else { continue };
                assert_eq!(key.verify::<Value>(&token, &header, &expected), None, "{alg} {other}");
            }
        }
    }

    #[test]
    fn a_key_is_prepared_for_algorithms_of_its_kind_only() {
        for alg in SigningAlg::ALL.iter().copied() {
            let public = SigningKey::generate(alg).unwrap().key.public;
            for other in SigningAlg::ALL.iter().copied() {
                assert_eq!(VerifyingKey::new(other, &public).is_ok(), public.fits(other));
            }
        }
    }
}
