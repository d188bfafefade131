//! Validation of API keys, and of the tokens issued for them.
//!
//! Owns whether a presented key is accepted: its form, its hash, its user and its API, by the rule of
//! `domain::liveness`. Nothing is cached. `oauth` decides which requests may use a key.

use std::net::IpAddr;
use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
use crate::base::Timestamp;
use crate::base::id::ApiKeyId;
use crate::base::opaque_token::{self, API_KEY};
use crate::crypto::digest::token_hash;
use crate::domain::api::{Api, Target};
use crate::domain::api_key::ApiKey;
use crate::domain::claims::VerifiedClaims;
use crate::domain::liveness::{ActiveKey, Inactive, active_key};
use crate::domain::outcome::Fault;
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::store::api_keys;

use super::lineage;

/// Why a presented key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The key does not exist.
    Unknown,
    /// The key is no longer active.
    Inactive(Inactive),
    /// The key is not accepted from this address.
    Network,
}

/// An active key. Only [`require_active_key`] creates one.
pub struct ActiveApiKey {
    key: ActiveKey,
    user: User,
    audience: Arc<Audience>,
    scopes: Scopes,
    /// The claims as texts.
    texts: [String; 3],
}

impl ActiveApiKey {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        self.key.key()
    }

    /// Its user.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// Its API.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Its scopes that the API still offers to keys.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The user's id, as `sub`.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.texts[0]
    }

    /// Its current scopes, for the claim `scope`.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.texts[1]
    }

    /// Its id, as text.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.texts[2]
    }
}

/// Whether `text` has the form of an API key.
#[must_use]
pub fn is_api_key(text: &str) -> bool {
    text.starts_with(API_KEY)
}

/// The key, if it is active. A text that is not well-formed costs no statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn require_active_key(
    app: &App,
    text: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Result<ActiveApiKey, KeyRefusal>, Fault> {
    if !opaque_token::is_well_formed(API_KEY, text) {
        return Ok(Err(KeyRefusal::Unknown));
    }
    let found = api_keys::by_hash(&mut app.db.reader().await?, &token_hash(text)).await?;
    let Some((key, user)) = found else { return Ok(Err(KeyRefusal::Unknown)) };
    let audience = app.audience_or_reload(Some(&key.audience)).await?;
    let since = audience.as_ref().map(|audience| audience.since());
    let key = match active_key(key, (&user).into(), since, now) {
        Ok(key) => key,
        Err(inactive) => return Ok(Err(KeyRefusal::Inactive(inactive))),
    };
    if !key.key().admits(address) {
        return Ok(Err(KeyRefusal::Network));
    }
    let Some((audience, scopes)) = audience.and_then(|audience| {
        let scopes = key.key().scopes_at(api(&audience)?);
        Some((audience, scopes))
    }) else {
        return Ok(Err(KeyRefusal::Inactive(Inactive::ApiGone)));
    };
    let texts = [user.id.to_string(), scopes.to_string(), key.key().id.to_string()];
    Ok(Ok(ActiveApiKey { key, user, audience, scopes, texts }))
}

fn api(audience: &Audience) -> Option<&Api> {
    match &audience.target {
        Target::Api(api) => Some(api),
        Target::Issuer => None,
    }
}

/// The API key of a token and its user, if both are active and the token was not revoked.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn of_token(
    app: &App,
    id: &str,
    claims: &VerifiedClaims,
    now: Timestamp,
) -> Result<Option<(ActiveKey, User)>, Fault> {
    let Ok(id) = id.parse::<ApiKeyId>() else { return Ok(None) };
    let mut reader = app.db.reader().await?;
    let Some((key, user)) = api_keys::with_user(&mut reader, id).await? else { return Ok(None) };
    let is_revoked = lineage::is_revoked(&mut reader, &claims.jti).await?;
    drop(reader);
    if is_revoked || user.id.to_string() != claims.sub {
        return Ok(None);
    }
    let since = app.audience(Some(&key.audience)).map(|audience| audience.since());
    Ok(active_key(key, (&user).into(), since, now).ok().map(|key| (key, user)))
}
