//! Registered clients.
//!
//! Metadata and hashes of secrets are one JSON text each, because a client is always read as a whole. They are
//! checked when they are changed.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::domain::client::Client;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::column;
use super::{Link, Tx, meta};

/// A client as stored.
#[derive(Debug, Clone)]
pub struct StoredClient {
    /// The row's id, for paging.
    pub id: Uuid,
    /// The client.
    pub client: Client,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ClientRow {
    id: Uuid,
    client_id: String,
    settings: String,
    secrets: String,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    name_since: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<ClientRow> for StoredClient {
    type Error = Fault;
    fn try_from(row: ClientRow) -> Result<Self, Fault> {
        let unreadable = |error| Fault::internal("a client row that cannot be").with_source(error);
        let client = Client {
            client_id: row.client_id,
            metadata: serde_json::from_str(&row.settings).map_err(unreadable)?,
            secrets: serde_json::from_str(&row.secrets).map_err(unreadable)?,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            name_since: row.name_since,
            document: None,
        };
        Ok(Self { id: row.id, client, updated_at: row.updated_at })
    }
}

/// Registers a client, and sets since when it has its name. False when its `client_id` is taken.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, new: &StoredClient) -> Result<bool, Fault> {
    let client = &new.client;
    let rows = execute!(
        tx,
        "INSERT INTO clients (id, client_id, settings, secrets, disabled_at, created_at, \
         updated_at, name_since) VALUES ($1, $2, $3, $4, $5, $6, $7, COALESCE((SELECT CASE WHEN \
         deleted_at > $6 THEN deleted_at ELSE $6 END FROM former_clients WHERE client_id = $2), 0)) \
         ON CONFLICT (client_id) DO NOTHING",
        new.id,
        &client.client_id,
        column(&client.metadata),
        column(&client.secrets),
        client.disabled_at,
        client.created_at,
        new.updated_at
    )?;
    meta::raise_cache_version(tx).await?;
    Ok(rows == 1)
}

/// The client with this `client_id`, locked for a change until the end of `tx`.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn hold(tx: &mut Tx, client_id: &str) -> Result<Option<StoredClient>, Fault> {
    meta::raise_cache_version(tx).await?;
    find(tx, client_id).await
}

/// Every client, locked in the same way.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn hold_all(tx: &mut Tx) -> Result<Vec<StoredClient>, Fault> {
    meta::raise_cache_version(tx).await?;
    all(tx).await
}

/// Writes settings, secrets and whether it is disabled. False when there is none of this id.
///
/// # Errors
/// When the database cannot be written.
pub async fn update(tx: &mut Tx, changed: &StoredClient) -> Result<bool, Fault> {
    let client = &changed.client;
    let rows = execute!(
        tx,
        "UPDATE clients SET settings = $1, secrets = $2, disabled_at = $3, updated_at = $4 \
         WHERE id = $5",
        column(&client.metadata),
        column(&client.secrets),
        client.disabled_at,
        changed.updated_at,
        changed.id
    )?;
    if rows == 1 {
        meta::raise_cache_version(tx).await?;
    }
    Ok(rows == 1)
}

/// Removes a client and its consents, and records that the name was used. False when there is no such client.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, client_id: &str, now: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(tx, "DELETE FROM clients WHERE client_id = $1", client_id)?;
    if rows == 0 {
        return Ok(false);
    }
    execute!(
        tx,
        "INSERT INTO former_clients (client_id, deleted_at) VALUES ($1, $2) \
         ON CONFLICT (client_id) DO UPDATE SET deleted_at = excluded.deleted_at \
         WHERE excluded.deleted_at > former_clients.deleted_at",
        client_id,
        now
    )?;
    execute!(tx, "DELETE FROM consents WHERE client_id = $1", client_id)?;
    meta::raise_cache_version(tx).await?;
    Ok(true)
}

/// The client of this `client_id`.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, client_id: &str) -> Result<Option<StoredClient>, Fault> {
    fetch_optional!(
        link,
        ClientRow,
        "SELECT id, client_id, settings, secrets, disabled_at, created_at, name_since, \
         updated_at FROM clients WHERE client_id = $1",
        client_id
    )?
    .map(StoredClient::try_from)
    .transpose()
}

/// Every client; every process keeps them in memory.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(link: &mut impl Link) -> Result<Vec<StoredClient>, Fault> {
    let rows = fetch_all!(
        link,
        ClientRow,
        "SELECT id, client_id, settings, secrets, disabled_at, created_at, name_since, \
         updated_at FROM clients ORDER BY id"
    )?;
    rows.into_iter().map(StoredClient::try_from).collect()
}

/// A page of clients, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(link: &mut impl Link, request: PageRequest) -> Result<Page<StoredClient>, Fault> {
    let rows = fetch_all!(
        link,
        ClientRow,
        "SELECT id, client_id, settings, secrets, disabled_at, created_at, name_since, \
         updated_at FROM clients WHERE id > $1 ORDER BY id LIMIT $2",
        request.after.unwrap_or(Uuid::nil()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(StoredClient::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |stored| stored.id))
}
