//! The claims of the tokens Signet issues.
//!
//! Owns which claims a token has and how they are spelt. Does not sign.

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::text_enum;

use super::session::Session;

text_enum! {
    /// The `typ` of a token (RFC 7515 §4.1.9), which keeps one kind from passing for another
    /// (RFC 8725 §3.11).
    pub enum TokenType {
        /// An access token (RFC 9068 §2.1).
        AtJwt = "at+jwt",
        /// Any other token, such as an ID token (RFC 7519 §5.1).
        Jwt = "JWT",
    }
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize)]
pub struct AccessClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user.
    pub sub: String,
    /// The API, or the issuer itself; always exactly one.
    pub aud: &'a str,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// A random id of this token.
    pub jti: &'a str,
    /// The client it was issued to.
    pub client_id: &'a str,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// The session it belongs to.
    pub sid: String,
    /// When the user authenticated.
    pub auth_time: i64,
    /// How (RFC 8176).
    pub amr: &'static [&'static str],
}

impl<'a> AccessClaims<'a> {
    /// The claims of a token made for `session` at `now`.
    #[must_use]
    pub fn for_session(
        issuer: &'a str,
        session: &'a Session,
        jti: &'a str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            iss: issuer,
            sub: session.user_id.to_string(),
            aud: session.audience.as_deref().unwrap_or(issuer),
            exp: expires.secs(),
            iat: now.secs(),
            jti,
            client_id: &session.client_id,
            scope: session.scopes.to_string(),
            sid: session.id.to_string(),
            auth_time: session.created_at.secs(),
            amr: &["pwd"],
        }
    }
}

/// What our own endpoints read from an access token after its signature was verified.
#[derive(Debug, Clone, Deserialize)]
pub struct VerifiedClaims {
    /// The user.
    pub sub: String,
    /// The session.
    pub sid: String,
    /// The scopes.
    pub scope: String,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
}
