//! API keys of the user's own account: creating, listing and revoking them.
//!
//! Creating one requires a fresh authentication; revoking one does not, so that it is never delayed. The secret is
//! shown once and stored as a hash. The rules for a key are in `domain::api_key`, its validation in `tokens::api_key`.

use crate::app::{App, AuditedTx};
use crate::base::id::{ApiKeyId, UserId};
use crate::base::opaque_token::{self, API_KEY};
use crate::base::{Secret, Timestamp};
use crate::crypto::digest::token_hash;
use crate::domain::api::{Api, Target};
use crate::domain::api_key::{ApiKey, MAX_KEYS, NewApiKey};
use crate::domain::audit::{Event, EventKind};
use crate::domain::liveness::{Inactive, active_key};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::{api_keys, users};
use crate::text_enum;

use super::bearer::invalid_token;
use super::fresh_authentication::{SignedIn, require_fresh};
use super::logout_notices::key_ended;
use super::notifications::{Notification, notify};
use super::write_limit::UserWrite;

text_enum! {
    /// The state of a key.
    pub enum KeyState {
        /// It is accepted.
        Active = "active",
        /// Its user or an administrator revoked it.
        Revoked = "revoked",
        /// It has expired.
        Expired = "expired",
        /// It ended with all sessions of its user, or with its API.
        Ended = "ended",
    }
}

/// A key in a list for its user.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// Its state.
    pub state: KeyState,
}

/// A key that was just created.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The key.
    pub listed: ListedKey,
    /// Its secret. It cannot be read again.
    pub secret: Secret<String>,
}

/// The APIs that accept API keys, ordered by identifier.
#[must_use]
pub fn apis(app: &App) -> Vec<Api> {
    let all = app.audiences();
    let of_keys = all.iter().filter_map(|audience| match &audience.target {
        Target::Api(api) if !api.key_scopes.is_empty() => Some(api.clone()),
        Target::Api(_) | Target::Issuer => None,
    });
    of_keys.collect()
}

/// The keys of a user, newest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, user: UserId, now: Timestamp) -> Result<Vec<ListedKey>, Failure> {
    let mut reader = app.db.reader().await?;
    let Some(user) = users::find(&mut reader, user).await? else { return Ok(Vec::new()) };
    let keys = api_keys::of_user(&mut reader, user.id).await?;
    Ok(keys.into_iter().map(|key| listed(&app, &user, key, now)).collect())
}

fn listed(app: &App, user: &User, key: ApiKey, now: Timestamp) -> ListedKey {
    let since = app.audience(Some(&key.audience)).map(|audience| audience.since());
    let state = match active_key(key.clone(), user.into(), since, now) {
        Ok(_) => KeyState::Active,
        Err(Inactive::KeyRevoked { .. }) => KeyState::Revoked,
        Err(Inactive::KeyExpired) => KeyState::Expired,
        Err(_) => KeyState::Ended,
    };
    ListedKey { key, state }
}

/// Creates a key.
///
/// # Errors
/// `validation_failed`; `reauthentication_required`; `conflict` when the user has the maximum number of
/// keys; too many writes; `invalid_token` when the account has changed.
pub async fn create(
    app: App,
    signed_in: SignedIn,
    new: NewApiKey,
    info: RequestInfo,
) -> Result<CreatedKey, Failure> {
    let (now, user) = (info.now, &signed_in.user);
    let audience = app.audience_or_reload(Some(&new.audience)).await?;
    let api = audience.as_ref().and_then(|audience| match &audience.target {
        Target::Api(api) => Some(api),
        Target::Issuer => None,
    });
    let checked = new.checked(api).map_err(Refusal::fields)?;
    let secret = opaque_token::generate(API_KEY, &*app.entropy);
    let key = ApiKey {
        id: ApiKeyId::new(now, &*app.entropy),
        user_id: user.id,
        name: new.name,
        audience: new.audience,
        scopes: checked.scopes,
        networks: checked.networks,
        user_epoch: signed_in.epoch,
        created_at: now,
        expires_at: now + checked.life,
        last_used_at: None,
        revoked_at: None,
    };
    let (hash, write) = (token_hash(&secret), UserWrite::new(&app));
    app.transaction_or_nothing(&info, async |tx| {
        if !users::hold(tx, user.id, signed_in.epoch).await? {
            return Err(invalid_token().into());
        }
        require_fresh(tx, &signed_in, now).await?;
        write.take(user)?;
        if !api_keys::insert(tx, &key, &hash, MAX_KEYS).await? {
            return Err(Refusal::because(Code::Conflict, Reason::ApiKeysFull).into());
        }
        let event = Event::new(EventKind::ApiKeyCreated).about(user.id);
        tx.record(&event.detail(key.id.to_string())).await?;
        Ok(notify(tx, user, Notification::ApiKeyCreated).await?)
    })
    .await?;
    let listed = ListedKey { key, state: KeyState::Active };
    Ok(CreatedKey { listed, secret: Secret::new(secret) })
}

/// Revokes a key of a signed-in user. It is refused from the next request on.
///
/// # Errors
/// `not_found`.
pub async fn revoke_own(
    app: App,
    user: UserId,
    id: ApiKeyId,
    info: RequestInfo,
) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| revoke(tx, user, id).await).await
}

/// Revokes a key of a user within a transaction.
///
/// # Errors
/// `not_found`.
pub async fn revoke(tx: &mut AuditedTx, user: UserId, id: ApiKeyId) -> Result<(), Failure> {
    let now = tx.info().now;
    if !api_keys::revoke(tx, user, id, now).await? {
        return Err(no_key().into());
    }
    key_ended(tx, id, now).await?;
    let event = Event::new(EventKind::ApiKeyRevoked).about(user).detail(id.to_string());
    Ok(tx.record(&event).await?)
}

/// The refusal of an unknown key id.
#[must_use]
pub fn no_key() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such API key, or it was revoked already.")
}
