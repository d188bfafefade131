//! Exchanges an API key of a user for an access token (RFC 8693).
//!
//! Owns what the token is: for the API of the key, with scopes of the key, short-lived, and without a refresh token. A
//! script needs only the key; if a client authenticates as well, the token is issued to that client, within its
//! registration.

use crate::base::Timestamp;
use crate::domain::api_key::{ApiKey, TOKEN_LIFE};
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::BUILT_IN;
use crate::domain::grant;
use crate::domain::liveness::Inactive;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::store::{api_keys, audit, users};
use crate::tokens::api_key::{self, ActiveApiKey, KeyRefusal};

use super::grant::{Delegation, GrantContext};
use super::grants::token_exchange::ACCESS_TOKEN;
use super::rate_limits::throttle;
use super::scope_narrowing::{self, Narrowed};
use super::target;

/// The `subject_token_type` of an API key.
pub(super) const API_KEY: &str = "urn:signet:token-type:api-key";

/// Exchanges the key.
///
/// # Errors
/// `invalid_grant`, `invalid_target`, `invalid_scope`; too many invalid keys from one network.
pub(super) async fn exchange(
    context: &mut GrantContext<'_>,
    text: &str,
) -> Result<Delegation, Failure> {
    let (app, now, address) = (context.app, context.now, context.origin.address);
    let active = match api_key::require_active_key(app, text, address, now).await? {
        Ok(active) => active,
        Err(why) => return Err(refuse(context, why).await?.into()),
    };
    let narrowed = narrowed(context, &active)?;
    use_up(context, active.key()).await?;
    let key = active.key();
    Ok(Delegation {
        session: None,
        session_claims: None,
        sub: active.sub().to_owned(),
        subject: Some(active.user().subject()),
        narrowed,
        not_after: key.expires_at.min(now + TOKEN_LIFE),
        act: None,
        parent: active.id().to_owned(),
        issued: ACCESS_TOKEN,
        api_key: Some(key.id),
    })
}

/// The API of the key, and the requested ones of its scopes: all if none is requested.
fn narrowed(context: &GrantContext<'_>, active: &ActiveApiKey) -> Result<Narrowed, Refusal> {
    let (params, client) = (context.params, context.client());
    let audience = &active.key().audience;
    let is_other = !target::names_only(context.app, params, Some(audience));
    if is_other || client.client_id != BUILT_IN && !client.may_target_api(audience) {
        let message = "The API key is for another API, or the client may not have tokens for the API of the key.";
        return Err(Refusal::oauth(OAuthError::InvalidTarget, message));
    }
    let had = active.scopes().only(|scope| client.may_request_scope(scope));
    let asked = match params.get("scope") {
        None => had.clone(),
        text => scope_narrowing::scopes(text)?,
    };
    if !asked.is_within(&had) {
        let more = asked.only(|scope| !had.contains(scope));
        return Err(scope_narrowing::beyond(&more, "the API key"));
    }
    let scopes = grant::subset(&active.audience().target, asked);
    Ok(Narrowed { audience: Some(audience.clone()), scopes })
}

/// Records the use, with the rows of user and key locked: neither can be disabled between the check and the token.
/// A later revocation finds the recorded use and adds it to the revocation feed.
async fn use_up(context: &mut GrantContext<'_>, key: &ApiKey) -> Result<(), Failure> {
    let (app, now, origin) = (context.app, context.now, context.origin.clone());
    let (id, user) = (key.id, key.user_id);
    let tx = context.tx().await?;
    if !users::hold(tx, user, key.user_epoch).await?
        || !api_keys::note_use(tx, id, ApiKey::hour_of(now)).await?
    {
        return Err(ended().into());
    }
    let fold = [b"api_key/exchanged".as_slice(), id.uuid().as_bytes(), &minute(now)].concat();
    let event = Event::new(EventKind::ApiKeyExchanged).about(user).detail(id.to_string());
    let event = event.folded(fold);
    Ok(audit::record(tx, &event, &origin, now, &*app.entropy).await?)
}

fn minute(now: Timestamp) -> [u8; 8] {
    now.secs().div_euclid(60).to_be_bytes()
}

/// Counts and records an invalid key.
async fn refuse(context: &mut GrantContext<'_>, why: KeyRefusal) -> Result<Refusal, Failure> {
    let (app, now, origin) = (context.app, context.now, context.origin.clone());
    throttle(app, RateLimit::ApiKey, &origin)?;
    let (refusal, word) = match why {
        KeyRefusal::Unknown => (ended(), "unknown"),
        KeyRefusal::Inactive(Inactive::KeyExpired) => (ended(), "expired"),
        KeyRefusal::Inactive(_) => (ended(), "ended"),
        KeyRefusal::Network => (network(), "network"),
    };
    let address = origin.address.map_or_else(String::new, |address| address.to_string());
    let parts: [&[u8]; 3] = [address.as_bytes(), word.as_bytes(), &minute(now)];
    let fold = app.pseudonyms.of("audit/api_key.refused", &parts);
    let event = Event::new(EventKind::ApiKeyRefused).detail(word).folded(fold);
    let tx = context.tx().await?;
    audit::record(tx, &event, &origin, now, &*app.entropy).await?;
    Ok(refusal)
}

/// The refusal of every invalid key. One text, so that it does not reveal which keys have existed.
fn ended() -> Refusal {
    let message =
        "The API key does not exist, has expired or was revoked, or its user or its API is gone.";
    Refusal::oauth(OAuthError::InvalidGrant, message)
}

fn network() -> Refusal {
    let message = "The API key cannot be used from this address.";
    Refusal::oauth(OAuthError::InvalidGrant, message)
}
