//! Tokens that clients sign: client assertions and DPoP proofs.
//!
//! Owns reading them and checking their signature with a key that the caller trusts. Nothing in the header is
//! followed: no address is fetched, and an embedded key is not trusted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::signing_key::SigningAlg;

use super::client_key::is_weak;
use super::jwk::PublicJwk;
use super::jwt::VerifyingKey;

/// The newer name of `EdDSA` for this curve (RFC 9864 §2.2). Signet signs under the older name, which every
/// verifier supports, and accepts both from clients.
pub const ED25519: &str = "Ed25519";

/// The longest accepted token of a client, in bytes.
const MAX_EXTERNAL: usize = 8 * 1024;

/// Members a public key never has.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A parsed, unverified token.
pub struct ExternalJwt<'a> {
    token: &'a str,
    /// The algorithm, which is a supported one.
    pub alg: SigningAlg,
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

impl<'a> ExternalJwt<'a> {
    /// Reads a signed token (RFC 7515 §7.1). `None` when it is not one, is longer than 8 KiB, names an unsupported
    /// algorithm, or has a critical extension (`crit`).
    #[must_use]
    pub fn read(token: &'a str) -> Option<Self> {
        if token.len() > MAX_EXTERNAL {
            return None;
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { return None };
        if signature.is_empty() {
            return None;
        }
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (object(header)?, object(claims)?);
        if header.contains_key("crit") || header.contains_key("b64") {
            return None;
        }
        let alg = signing_alg(header.get("alg")?.as_str()?)?;
        Some(Self { token, alg, header, claims })
    }

    /// Whether the holder of `key` signed it.
    #[must_use]
    pub fn is_by(&self, key: &PublicJwk) -> bool {
        VerifyingKey::new(self.alg, key).is_ok_and(|key| key.made(self.token))
    }

    /// Whether the token was signed with the algorithm of `key`: one algorithm per key (RFC 8725 §3.1). A key
    /// without `alg`, which only an earlier version registered, is for every algorithm of its type.
    #[must_use]
    pub fn uses_alg_of(&self, key: &Value) -> bool {
        key.get("alg").is_none_or(|alg| alg.as_str().and_then(signing_alg) == Some(self.alg))
    }

    /// A string claim.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A time claim, in seconds (RFC 7519 §2). The outer `None` means that it is absent, the inner one that it is
    /// not a time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Option<i64>> {
        let value = self.claims.get(name)?;
        Some(seconds(value))
    }
}

/// The algorithm with this name, including its newer name.
#[must_use]
pub fn signing_alg(name: &str) -> Option<SigningAlg> {
    match name {
        ED25519 => Some(SigningAlg::EdDsa),
        other => other.parse().ok(),
    }
}

/// Whole seconds before the year 10000, with fractions truncated.
fn seconds(value: &Value) -> Option<i64> {
    const END: f64 = 253_402_300_800.0;
    let number = value.as_f64().filter(|number| (0.0..END).contains(number))?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = number.trunc() as i64;
    Some(whole)
}

/// A public key from a client's JSON, if it has no private member and its private half cannot be computed from it.
#[must_use]
pub fn public_key(value: &Value) -> Option<PublicJwk> {
    let members = value.as_object()?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) || is_weak(value) {
        return None;
    }
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::jwt::{Signer, SigningKey};
    use super::*;
    use crate::domain::claims::TokenType;

    fn token(header: &Value, claims: &str, signature: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(&header.to_string()), part(claims), part(signature))
    }

    #[test]
    fn malformed_and_unsupported_tokens_are_not_read() {
        for (header, claims, signature) in [
            (json!({"alg": "none"}), "{}", "x"),
            (json!({"alg": "HS256"}), "{}", "x"),
            (json!({"alg": "ES256", "crit": ["exp"]}), "{}", "x"),
            (json!({"alg": "ES256", "b64": false}), "{}", "x"),
            (json!({"alg": 5}), "{}", "x"),
            (json!({}), "{}", "x"),
            (json!({"alg": "ES256"}), "[]", "x"),
            (json!({"alg": "ES256"}), "{}", ""),
        ] {
            assert!(ExternalJwt::read(&token(&header, claims, signature)).is_none(), "{header}");
        }
        assert!(
            ExternalJwt::read("a.b").is_none() && ExternalJwt::read(&"a.".repeat(9_000)).is_none()
        );
        let good = token(&json!({"alg": "ES256"}), r#"{"exp":"5","iat":1.5,"nbf":1e400}"#, "x");
        assert!(
            ExternalJwt::read(&good).is_none(),
            "a number beyond all numbers is no JSON of ours"
        );
        let good = token(&json!({"alg": "ES256"}), r#"{"exp":"5","iat":1.5,"nbf":-1}"#, "x");
        let read = ExternalJwt::read(&good).unwrap();
        assert_eq!(read.time("exp"), Some(None));
        assert_eq!((read.time("iat"), read.time("nbf")), (Some(Some(1)), Some(None)));
        assert_eq!(read.time("aud"), None);
    }

    #[test]
    fn a_key_vouches_for_what_it_signed_with_its_own_algorithm() {
        for alg in SigningAlg::ALL.iter().copied() {
            let key = SigningKey::generate(alg).unwrap().key;
            let public = key.public.clone();
            let token = Signer::new(key).sign(TokenType::Jwt, &json!({"iss": "me"})).unwrap();
            let read = ExternalJwt::read(&token).unwrap();
            assert!(read.is_by(&public) && read.text("iss") == Some("me"));
            let other = SigningKey::generate(alg).unwrap().key.public;
            assert!(!read.is_by(&other), "{alg}");
        }
    }

    #[test]
    fn the_newer_name_of_one_algorithm_is_known() {
        let read = |alg: &str| {
            let token = token(&json!({ "alg": alg }), "{}", "x");
            ExternalJwt::read(&token).map(|jwt| jwt.alg)
        };
        assert_eq!(read("Ed25519"), Some(SigningAlg::EdDsa));
        assert_eq!(read("EdDSA"), Some(SigningAlg::EdDsa));
        assert_eq!(read("Ed448"), None);
    }

    #[test]
    fn a_private_key_is_no_public_key() {
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"});
        assert!(public_key(&public).is_some());
        for member in PRIVATE {
            let mut private = public.clone();
            private[*member] = json!("AA");
            assert!(public_key(&private).is_none(), "{member}");
        }
        assert!(public_key(&json!({"kty": "oct", "k": "AA"})).is_none());
        assert!(public_key(&json!("x")).is_none());
    }
}
