//! API keys that are presented, and tokens that were given for one.
//!
//! Owns whether a key counts now: its form, its hash, its user and its API, by the rule of `domain::liveness`. Nothing of
//! it is cached. Who may present one, and what for, is `oauth`'s to say.

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

/// Why a key that was presented does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// There is no such key.
    Unknown,
    /// It does not count any more.
    Inactive(Inactive),
    /// It does not work from this address.
    Network,
}

/// A key that counts now. Only [`require_active_key`] makes one.
pub struct ActiveApiKey {
    key: ActiveKey,
    user: User,
    audience: Arc<Audience>,
    scopes: Scopes,
    /// The texts of claims.
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

    /// What is left of its scopes.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The user's id, as `sub`.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.texts[0]
    }

    /// What is left of its scopes, as `scope`.
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

/// Whether `text` claims to be an API key.
#[must_use]
pub fn is_api_key(text: &str) -> bool {
    text.starts_with(API_KEY)
}

/// The key, if everything about it is good now. What is not spelt like a key costs no statement.
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

/// The key that vouches for a token and its user, if both still do and the token was not revoked.
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
