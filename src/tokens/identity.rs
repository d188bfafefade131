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
use crate::domain::claims::{TokenType, asked_by};
use crate::domain::outcome::Fault;
use crate::domain::token_rules::TokenAlg;

use super::issue::sign_with_key;
use super::validate::ActiveToken;

/// How long one counts.
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
    /// The `jti` of the access token.
    tok: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
    #[serde(flatten)]
    asked: &'a Map<String, Value>,
}

/// The identity token for `access_token`, which is `active` at `now`. It is reused for some seconds.
///
/// # Errors
/// When there is no signing key.
pub fn identity_token(
    app: &App,
    access_token: &str,
    active: &ActiveToken,
    now: Timestamp,
) -> Result<Arc<str>, Fault> {
    let rules = active.audience().target.rules();
    let asked = match active.session() {
        Some((_, user)) => asked_by(rules, &user.subject()),
        None => Map::new(),
    };
    let (version, hash) = (app.cache_version(), token_hash(access_token));
    let known = app.identity_tokens.get(&hash, version);
    // After a clock was set back, cached tokens must not count as younger.
    let usable = |known: &MadeIdentityToken| {
        known.made_at <= now && now < known.made_at + REUSED_FOR && *known.asked == asked
    };
    if let Some(known) = known.filter(usable) {
        return Ok(known.token);
    }
    let token: Arc<str> = signed(app, active, &asked, now)?.into();
    let made = MadeIdentityToken { token: Arc::clone(&token), made_at: now, asked: asked.into() };
    app.identity_tokens.keep(&hash, version, made);
    Ok(token)
}

fn signed(
    app: &App,
    active: &ActiveToken,
    asked: &Map<String, Value>,
    now: Timestamp,
) -> Result<String, Fault> {
    let (claims, rules) = (active.claims(), active.audience().target.rules());
    let now = app.claim_time(now).secs();
    let identity = IdentityClaims {
        iss: app.issuer(),
        aud: &claims.aud,
        sub: &claims.sub,
        client_id: &claims.client_id,
        scope: &claims.scope,
        exp: claims.exp.min(now + LIFE.secs()),
        iat: now,
        tok: &claims.jti,
        sid: claims.sid.as_deref(),
        act: claims.act.as_ref(),
        asked,
    };
    let alg = match rules.alg(app.config.signing_alg) {
        TokenAlg::Key(alg) => alg,
        TokenAlg::SharedSecret => app.config.signing_alg,
    };
    sign_with_key(app, alg, TokenType::IdentityJwt, &identity)
}
