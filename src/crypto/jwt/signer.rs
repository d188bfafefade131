//! Writing tokens: JWS compact serialisation (RFC 7515 §7.1) with one key.
//!
//! Owns the protected header, encoded once for each kind of token.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::claims::TokenType;
use crate::domain::outcome::Fault;

use super::signing_key::SigningKey;
use crate::crypto::jws::Headers;

/// Signs tokens with one key.
pub struct Signer {
    key: Arc<SigningKey>,
    headers: Headers,
}

impl Signer {
    /// A signer of tokens with header exactly `alg`, `kid`, `typ`.
    #[must_use]
    pub fn new(key: impl Into<Arc<SigningKey>>) -> Self {
        let key = key.into();
        let headers = Headers::new(key.alg.as_str(), &key.kid);
        Self { key, headers }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The signed token.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn sign(&self, token_type: TokenType, claims: &impl Serialize) -> Result<String, Fault> {
        self.headers.token(token_type, claims, |message| self.key.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::domain::signing_key::SigningAlg;

    fn parts(token: &str) -> Vec<String> {
        let decoded = |part| String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(part).unwrap()).into();
        token.split('.').map(decoded).collect()
    }

    #[test]
    fn the_header_is_alg_kid_typ_and_the_payload_as_given() {
        for alg in SigningAlg::ALL.iter().copied() {
            let signer = Signer::new(SigningKey::generate(alg).unwrap().key);
            let kid = signer.key().kid.clone();
            for typ in TokenType::ALL.iter().copied() {
                let token = signer.sign(typ, &json!({"sub": "ada", "n": 1})).unwrap();
                let parts = parts(&token);
                assert_eq!(parts.len(), 3);
                assert_eq!(parts[0], format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#));
                assert_eq!(parts[1], r#"{"sub":"ada","n":1}"#);
            }
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_the_header() {
        let kid = "a\",\"alg\":\"none\\\u{1}é";
        let key = SigningKey::generate(SigningAlg::Es256).unwrap().key.named(kid.to_owned());
        let token = Signer::new(key).sign(TokenType::AtJwt, &json!({})).unwrap();
        let header: serde_json::Value = serde_json::from_str(&parts(&token)[0]).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}));
    }
}
