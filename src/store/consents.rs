//! Stored consents, by user, client and API, because scopes of different APIs may have the same name.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::domain::scope::Scopes;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// The consent of a user for a client at one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The `client_id` of the client.
    pub client_id: String,
    /// The API; `None` means the issuer itself.
    pub audience: Option<String>,
    /// The scopes to which the user has consented.
    pub scopes: Scopes,
    /// When it was first given.
    pub created_at: Timestamp,
    /// When a scope was last added.
    pub updated_at: Timestamp,
    /// The fingerprint of the client's document at that time; `None` if the client is registered.
    pub document: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ConsentRow {
    client_id: String,
    audience: String,
    scope: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    document: Option<String>,
}

impl TryFrom<ConsentRow> for Consent {
    type Error = Fault;
    fn try_from(row: ConsentRow) -> Result<Self, Fault> {
        let unreadable = |_| Fault::internal("a consent with scopes that cannot be read");
        Ok(Self {
            client_id: row.client_id,
            audience: Some(row.audience).filter(|audience| !audience.is_empty()),
            scopes: Scopes::parse(&row.scope).map_err(unreadable)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            document: row.document,
        })
    }
}

/// The key of a consent.
#[derive(Debug, Clone, Copy)]
pub struct ConsentKey<'a> {
    /// The user who gave it.
    pub user: UserId,
    /// The `client_id` of the client.
    pub client_id: &'a str,
    /// The API; `None` means the issuer itself.
    pub audience: Option<&'a str>,
}

/// Stores consent to all of `scopes`, replacing the previous one.
///
/// # Errors
/// When the database cannot be written.
pub async fn remember(
    tx: &mut Tx,
    key: ConsentKey<'_>,
    scopes: &Scopes,
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO consents (user_id, client_id, scope, created_at, updated_at, audience) \
         VALUES ($1, $2, $3, $4, $4, $5) \
         ON CONFLICT (user_id, client_id, audience) DO UPDATE SET scope = $3, updated_at = $4",
        key.user,
        key.client_id,
        scopes.to_string(),
        now,
        key.audience.unwrap_or_default()
    )?;
    Ok(())
}

/// Records the fingerprint of the client's document for which a stored consent was given.
///
/// # Errors
/// When the database cannot be written.
pub async fn bind_document(tx: &mut Tx, key: ConsentKey<'_>, document: &str) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE consents SET document = $1 WHERE user_id = $2 AND client_id = $3 AND audience = $4",
        document,
        key.user,
        key.client_id,
        key.audience.unwrap_or_default()
    )?;
    Ok(())
}

/// The consent of a user for one client at one API.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    link: &mut impl Link,
    user: UserId,
    client_id: &str,
    audience: Option<&str>,
) -> Result<Option<Consent>, Fault> {
    fetch_optional!(
        link,
        ConsentRow,
        "SELECT client_id, audience, scope, created_at, updated_at, document FROM consents \
         WHERE user_id = $1 AND client_id = $2 AND audience = $3",
        user,
        client_id,
        audience.unwrap_or_default()
    )?
    .map(Consent::try_from)
    .transpose()
}

/// All consents of a user, by client and API.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_user(link: &mut impl Link, user: UserId) -> Result<Vec<Consent>, Fault> {
    let rows = fetch_all!(
        link,
        ConsentRow,
        "SELECT client_id, audience, scope, created_at, updated_at, document FROM consents \
         WHERE user_id = $1 ORDER BY created_at, audience, client_id LIMIT 1000",
        user
    )?;
    rows.into_iter().map(Consent::try_from).collect()
}

/// Removes the consents of a user for a client, at every API. False when there were none.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(tx: &mut Tx, user: UserId, client_id: &str) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "DELETE FROM consents WHERE user_id = $1 AND client_id = $2",
        user,
        client_id
    )?;
    Ok(rows > 0)
}
