//! Issuing: from a live session to the tokens a client gets.
//!
//! The only place that makes access tokens.

use serde::Serialize;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::domain::claims::{AccessClaims, TokenType};
use crate::domain::session::Session;
use crate::domain::stop::{Fault, Stop};

/// What a client gets (RFC 6749 §5.1), with the refresh token's remaining life.
#[derive(Serialize)]
pub struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    refresh_expires_in: i64,
    scope: String,
}

/// The tokens of `session`, whose chain names the live refresh token.
///
/// # Errors
/// Only when signing fails.
pub fn tokens(app: &App, session: &Session, now: Timestamp) -> Result<Tokens, Stop> {
    let expires = session.access_expiry(now, &app.lifetimes);
    let refresh_expires = session.idle_expires_at.min(session.expires_at);
    let refresh_token = app
        .refresh_keys()
        .mint(session.id, session.chain.current)
        .ok_or_else(|| Fault::internal("minting a refresh token"))?;
    Ok(Tokens {
        access_token: access_token(app, session, now, expires)?,
        token_type: "Bearer",
        expires_in: (expires - now).secs(),
        refresh_token,
        refresh_expires_in: (refresh_expires - now).secs(),
        scope: session.scopes.to_string(),
    })
}

/// An access token alone.
///
/// # Errors
/// Only when signing fails.
pub fn access_token(
    app: &App,
    session: &Session,
    now: Timestamp,
    expires: Timestamp,
) -> Result<String, Stop> {
    let jti = uuid::Builder::from_random_bytes(random(&*app.entropy)).into_uuid().to_string();
    let claims = AccessClaims::for_session(app.issuer(), session, &jti, now, expires);
    let keyring = app.keyring();
    let signer = keyring
        .signer(app.config.signing_alg)
        .ok_or_else(|| Fault::internal("no active signing key"))?;
    Ok(signer.sign(TokenType::AtJwt, &claims)?)
}

impl Tokens {
    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }
}
