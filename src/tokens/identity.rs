//! Identity tokens: a signed statement about the caller, for the service behind a gateway.
//!
//! Its own `typ` ensures that it is never accepted as an access token.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::app::cache::MadeIdentityToken;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::token_hash;
use crate::domain::attributes::Subject;
use crate::domain::claims::{TokenType, asked_by};
use crate::domain::client::BUILT_IN;
use crate::domain::outcome::Fault;
use crate::domain::token_rules::{TokenAlg, TokenRules};
use crate::domain::user::User;

use super::api_key::ActiveApiKey;
use super::issue::sign_with_key;
use super::validate::ActiveToken;

/// The lifetime of an identity token.
const LIFE: TimeSpan = TimeSpan::from_secs(60);
/// How long it is reused for the same access token.
const REUSED_FOR: TimeSpan = TimeSpan::from_secs(20);

/// The claims.
#[derive(Serialize)]
struct IdentityClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    exp: i64,
    iat: i64,
    /// The `jti` of the access token, or the id of the API key.
    tok: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
    #[serde(flatten)]
    asked: &'a Map<String, Value>,
}

/// The caller of a request, by an active access token or API key.
pub struct Caller<'a> {
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    exp: i64,
    tok: &'a str,
    sid: Option<&'a str>,
    act: Option<&'a Value>,
    rules: &'a TokenRules,
    subject: Option<Subject>,
}

impl<'a> Caller<'a> {
    /// The holder of an access token.
    #[must_use]
    pub fn of_token(active: &'a ActiveToken) -> Self {
        let claims = active.claims();
        Self {
            aud: &claims.aud,
            sub: &claims.sub,
            client_id: &claims.client_id,
            scope: &claims.scope,
            exp: claims.exp,
            tok: &claims.jti,
            sid: claims.sid.as_deref(),
            act: claims.act.as_ref(),
            rules: active.audience().target.rules(),
            subject: active.user().map(User::subject),
        }
    }

    /// The holder of an API key.
    #[must_use]
    pub fn of_key(active: &'a ActiveApiKey) -> Self {
        Self {
            aud: &active.key().audience,
            sub: active.sub(),
            client_id: BUILT_IN,
            scope: active.scope(),
            exp: active.key().expires_at.secs(),
            tok: active.id(),
            sid: None,
            act: None,
            rules: active.audience().target.rules(),
            subject: Some(active.user().subject()),
        }
    }
}

/// The identity token for `credential`, an access token or API key that is active at `now` and belongs to `caller`. The
/// same token is returned for some seconds.
///
/// # Errors
/// When there is no signing key.
pub fn identity_token(
    app: &App,
    credential: &str,
    caller: &Caller<'_>,
    now: Timestamp,
) -> Result<Arc<str>, Fault> {
    let asked = caller.subject.as_ref().map(|subject| asked_by(caller.rules, subject));
    let asked = asked.unwrap_or_default();
    let (version, hash) = (app.cache_version(), token_hash(credential));
    let known = app.identity_tokens.get(&hash, version);
    // After the clock was set back, cached tokens must not appear younger than they are.
    let usable = |known: &MadeIdentityToken| {
        known.made_at <= now && now < known.made_at + REUSED_FOR && *known.asked == asked
    };
    if let Some(known) = known.filter(usable) {
        return Ok(known.token);
    }
    let token: Arc<str> = signed(app, caller, &asked, now)?.into();
    let made = MadeIdentityToken { token: Arc::clone(&token), made_at: now, asked: asked.into() };
    app.identity_tokens.keep(&hash, version, made);
    Ok(token)
}

fn signed(
    app: &App,
    caller: &Caller<'_>,
    asked: &Map<String, Value>,
    now: Timestamp,
) -> Result<String, Fault> {
    let now = app.claim_time(now).secs();
    let identity = IdentityClaims {
        iss: app.issuer(),
        aud: caller.aud,
        sub: caller.sub,
        client_id: caller.client_id,
        scope: caller.scope,
        exp: caller.exp.min(now + LIFE.secs()),
        iat: now,
        tok: caller.tok,
        sid: caller.sid,
        act: caller.act,
        asked,
    };
    let alg = match caller.rules.alg(app.config.signing_alg) {
        TokenAlg::Key(alg) => alg,
        TokenAlg::SharedSecret => app.config.signing_alg,
    };
    sign_with_key(app, alg, TokenType::IdentityJwt, &identity)
}
