//! JWS compact serialisation (RFC 7515 §7.1): `header.payload.signature`.
//!
//! Owns the assembly of the three parts, independent of the key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::domain::claims::{Header, TokenType};
use crate::domain::outcome::Fault;

/// The headers of one key, encoded once for each kind of token.
pub(super) struct Headers {
    at_jwt: String,
    jwt: String,
    logout: String,
    identity: String,
    revocations: String,
}

impl Headers {
    /// The headers of the key `kid`, each with exactly `alg`, `kid`, `typ`.
    pub(super) fn new(alg: &str, kid: &str) -> Self {
        let encoded = |typ| {
            // Strings can always be serialised.
            let json = serde_json::to_vec(&Header { alg, kid, typ }).unwrap_or_default();
            URL_SAFE_NO_PAD.encode(json) + "."
        };
        Self {
            at_jwt: encoded(TokenType::AtJwt),
            jwt: encoded(TokenType::Jwt),
            logout: encoded(TokenType::LogoutJwt),
            identity: encoded(TokenType::IdentityJwt),
            revocations: encoded(TokenType::RevocationsJwt),
        }
    }

    /// `claims` as a token of this kind, signed by `sign` over header and payload.
    pub(super) fn token(
        &self,
        token_type: TokenType,
        claims: &impl Serialize,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Fault>,
    ) -> Result<String, Fault> {
        let header = match token_type {
            TokenType::AtJwt => &self.at_jwt,
            TokenType::Jwt => &self.jwt,
            TokenType::LogoutJwt => &self.logout,
            TokenType::IdentityJwt => &self.identity,
            TokenType::RevocationsJwt => &self.revocations,
        };
        let payload = serde_json::to_vec(claims)
            .map_err(|error| Fault::internal("writing claims").with_source(error))?;
        let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + 350);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let signature = sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}
