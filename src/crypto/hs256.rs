//! Tokens under a secret that one API and the server share (HS256, RFC 7518 §3.2).
//!
//! Owns generating the secret, and signing and verifying with it. Its `kid` is random, because a thumbprint would
//! reveal a hash of the secret. It must not be used for tokens that Signet's own endpoints accept: a party that can
//! verify these can also forge them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::entropy::random;
use crate::base::{Entropy, Secret};
use crate::domain::claims::{TokenType, VerifiedClaims};
use crate::domain::outcome::Fault;

use super::jws::Headers;
use super::jwt::{Expected, UnverifiedHeader};

/// The name of the algorithm.
const ALG: &str = "HS256";
/// As long as the hash, which is the minimum of RFC 7518 §3.2.
const LENGTH: usize = 32;

/// A secret that is ready to sign and verify.
pub struct SharedSecret {
    kid: String,
    key: hmac::Key,
    headers: Headers,
}

/// A new secret.
pub struct GeneratedSecret {
    /// Its random `kid`.
    pub kid: String,
    /// The bytes, to be sealed and dropped.
    pub bytes: Zeroizing<[u8; LENGTH]>,
}

impl GeneratedSecret {
    /// Generates a secret of 32 random bytes and a `kid`.
    #[must_use]
    pub fn make(entropy: &dyn Entropy) -> Self {
        let kid = URL_SAFE_NO_PAD.encode(random::<16>(entropy));
        Self { kid, bytes: Zeroizing::new(random(entropy)) }
    }

    /// Accepts a given secret in its base64url form and generates a `kid`. `None` when it does not have 32 bytes.
    #[must_use]
    pub fn parse(spelt: &str, entropy: &dyn Entropy) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(spelt).ok()?);
        let bytes = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        let kid = URL_SAFE_NO_PAD.encode(random::<16>(entropy));
        Some(Self { kid, bytes })
    }

    /// The secret as it is shown once: base64url, the `k` of a JWK (RFC 7518 §6.4.1).
    #[must_use]
    pub fn spelt(&self) -> Secret<String> {
        Secret::new(URL_SAFE_NO_PAD.encode(self.bytes.as_slice()))
    }
}

/// The claims for issuer and audience.
#[derive(Deserialize)]
struct Addressed {
    iss: String,
    aud: String,
}

impl SharedSecret {
    /// Accepts unsealed bytes. `None` when they are not a secret of this form.
    #[must_use]
    pub fn new(kid: String, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LENGTH {
            return None;
        }
        let headers = Headers::new(ALG, &kid);
        Some(Self { kid, key: hmac::Key::new(hmac::HMAC_SHA256, bytes), headers })
    }

    /// The `kid` of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The signed token.
    ///
    /// # Errors
    /// Only when the claims cannot be written.
    pub fn sign(&self, typ: TokenType, claims: &impl Serialize) -> Result<String, Fault> {
        self.headers
            .token(typ, claims, |message| Ok(hmac::sign(&self.key, message).as_ref().to_vec()))
    }

    /// Whether the tag of a token was made with this secret. This alone does not make the token valid;
    /// [`Self::verify`] checks the rest.
    #[must_use]
    pub fn made(&self, token: &str) -> bool {
        let Some((message, tag)) = token.rsplit_once('.') else { return false };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
        hmac::verify(&self.key, message.as_bytes(), &tag).is_ok()
    }

    /// The claims, if the tag, algorithm, `kid`, `typ`, `iss` and `aud` are right. Times are not checked.
    #[must_use]
    pub fn verify(&self, token: &str, expected: &Expected<'_>) -> Option<VerifiedClaims> {
        let header = UnverifiedHeader::read(token)?;
        let known =
            header.alg == ALG && header.kid == self.kid && header.typ == expected.typ.as_str();
        let (message, tag) = token.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compared in constant time, before the payload is used.
        hmac::verify(&self.key, message.as_bytes(), &tag).ok().filter(|()| known)?;
        let payload = URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        let addressed: Addressed = serde_json::from_slice(&payload).ok()?;
        let fits = addressed.iss == expected.issuer && addressed.aud == expected.audience;
        if fits { serde_json::from_slice(&payload).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::random::SystemEntropy;

    fn secret(byte: u8) -> SharedSecret {
        SharedSecret::new("k1".to_owned(), &[byte; 32]).unwrap()
    }

    fn expected(typ: TokenType) -> Expected<'static> {
        Expected { issuer: "https://i", audience: "https://a", typ }
    }

    #[test]
    fn only_its_own_tokens_pass() {
        let claims = json!({"iss": "https://i", "aud": "https://a", "sub": "u", "sid": "s",
            "scope": "", "exp": 2, "iat": 1});
        let token = secret(7).sign(TokenType::AtJwt, &claims).unwrap();
        let found = secret(7).verify(&token, &expected(TokenType::AtJwt)).unwrap();
        assert_eq!((found.sub.as_str(), found.exp), ("u", 2));
        assert!(secret(8).verify(&token, &expected(TokenType::AtJwt)).is_none());
        assert!(secret(7).verify(&token, &expected(TokenType::Jwt)).is_none());
        let other_name = SharedSecret::new("k2".to_owned(), &[7; 32]).unwrap();
        assert!(other_name.verify(&token, &expected(TokenType::AtJwt)).is_none());
        let elsewhere = Expected { audience: "https://b", ..expected(TokenType::AtJwt) };
        assert!(secret(7).verify(&token, &elsewhere).is_none());
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(secret(7).verify(&forged, &expected(TokenType::AtJwt)).is_none(), "{at}");
        }
    }

    /// RFC 7515 appendix A.1. The header differs from Signet's, so only the tag is compared.
    #[test]
    fn the_tag_is_the_one_of_rfc_7515() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(key).unwrap());
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        assert_eq!(tag, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_secret_has_32_bytes_and_a_name_that_says_nothing() {
        let (one, two) =
            (GeneratedSecret::make(&SystemEntropy), GeneratedSecret::make(&SystemEntropy));
        assert_ne!(one.kid, two.kid);
        assert_eq!(URL_SAFE_NO_PAD.decode(one.spelt().expose()).unwrap(), *one.bytes);
        assert!(SharedSecret::new("k".to_owned(), &[1; 31]).is_none());
    }
}
