//! Issuing: from a live session to the tokens a client gets.
//!
//! The only place that makes access tokens. What one will look like is decided in a [`Draft`], which
//! a preview shows and a log-in signs: there is no second assembly.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::{App, Audience};
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::domain::attributes::Subject;
use crate::domain::claims::{AccessClaims, Header, Occasion, TokenType, asked_by};
use crate::domain::session::Session;
use crate::domain::stop::{Code, Fault, Refusal, Stop};
use crate::domain::token_rules::TokenAlg;

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

/// An access token but for its signature.
pub struct Draft<'a> {
    /// The claims.
    pub claims: AccessClaims<'a>,
    token_type: TokenType,
    alg: TokenAlg,
    audience: Arc<Audience>,
    expires: Timestamp,
}

/// The refusal of an audience that is no registered API (RFC 8707 §2).
#[must_use]
pub fn invalid_target() -> Refusal {
    Refusal::new(Code::InvalidTarget, "The audience is not a registered API.")
}

/// The tokens of `session`, whose chain names the live refresh token. `subject` is asked for only
/// where the audience wants to know something about the user.
///
/// # Errors
/// `invalid_target` when the API is gone; else only faults.
pub fn tokens(
    app: &App,
    session: &Session,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    now: Timestamp,
) -> Result<Tokens, Stop> {
    let jti = uuid::Builder::from_random_bytes(random(&*app.entropy)).into_uuid().to_string();
    let draft = draft(app, session, subject, &jti, now)?;
    let refresh_expires = session.idle_expires_at.min(session.expires_at);
    let refresh_token = app
        .refresh_keys()
        .mint(session.id, session.chain.current)
        .ok_or_else(|| Fault::internal("minting a refresh token"))?;
    Ok(Tokens {
        access_token: draft.sign(app)?,
        token_type: "Bearer",
        expires_in: (draft.expires - now).secs(),
        refresh_token,
        refresh_expires_in: (refresh_expires - now).secs(),
        scope: draft.claims.scope,
    })
}

/// The access token `session` is entitled to at `now`, by the rules of its audience as they are in
/// force at this moment.
///
/// # Errors
/// `invalid_target` when the API is gone; else only faults.
pub fn draft<'a>(
    app: &'a App,
    session: &'a Session,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    jti: &'a str,
    now: Timestamp,
) -> Result<Draft<'a>, Stop> {
    let audience = app.audience(session.audience.as_deref()).ok_or_else(invalid_target)?;
    let rules = audience.target.rules();
    let expires = session.access_expiry(now, rules.access_ttl.unwrap_or(app.lifetimes.access));
    let asked = if rules.asks() { asked_by(rules, &subject()?) } else { Map::new() };
    let occasion = Occasion { issuer: app.issuer(), session, jti, now, expires };
    Ok(Draft {
        claims: AccessClaims::new(&occasion, &audience.target, asked),
        token_type: rules.token_type(),
        alg: rules.alg(app.config.signing_alg),
        expires,
        audience,
    })
}

impl Draft<'_> {
    /// The header it would have.
    ///
    /// # Errors
    /// When there is nothing to sign with.
    pub fn header(&self, app: &App) -> Result<Value, Fault> {
        let of = |kid: &str| json!(Header { alg: self.alg.as_str(), kid, typ: self.token_type });
        match (self.alg, &self.audience.secret) {
            (TokenAlg::Key(alg), _) => {
                app.keyring().signer(alg).map(|signer| of(&signer.key().kid))
            }
            (TokenAlg::SharedSecret, secret) => secret.as_ref().map(|secret| of(secret.kid())),
        }
        .ok_or_else(nothing_to_sign_with)
    }

    /// The token.
    ///
    /// # Errors
    /// When there is nothing to sign with, or the crypto library fails.
    pub fn sign(&self, app: &App) -> Result<String, Fault> {
        match (self.alg, &self.audience.secret) {
            (TokenAlg::Key(alg), _) => app
                .keyring()
                .signer(alg)
                .ok_or_else(nothing_to_sign_with)?
                .sign(self.token_type, &self.claims),
            (TokenAlg::SharedSecret, secret) => secret
                .as_ref()
                .ok_or_else(nothing_to_sign_with)?
                .sign(self.token_type, &self.claims),
        }
    }
}

const fn nothing_to_sign_with() -> Fault {
    Fault::internal("there is no key of the algorithm the audience asks for")
}

impl Tokens {
    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }
}
