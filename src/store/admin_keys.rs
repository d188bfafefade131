//! Administration keys of service clients. Of a key only its hash is stored.

use crate::base::Timestamp;
use crate::base::id::AdminKeyId;
use crate::base::opaque_token::TokenHash;
use crate::domain::admin_key::AdminKey;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::scope::Scopes;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

#[derive(sqlx::FromRow)]
struct Row {
    id: AdminKeyId,
    client_id: String,
    name: String,
    scopes: String,
    networks: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl TryFrom<Row> for AdminKey {
    type Error = Fault;
    fn try_from(row: Row) -> Result<Self, Fault> {
        let unreadable = || Fault::internal("an administration key that cannot be");
        let networks = row.networks.split_ascii_whitespace().map(str::parse);
        Ok(Self {
            id: row.id,
            client_id: row.client_id,
            name: row.name,
            scopes: Scopes::parse(&row.scopes).map_err(|_| unreadable())?,
            networks: networks.collect::<Result<_, _>>().map_err(|_| unreadable())?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        })
    }
}

/// Stores a key. False, without a change, when the client has `most` keys. The caller has locked the client.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    tx: &mut Tx,
    key: &AdminKey,
    hash: &TokenHash,
    most: i64,
) -> Result<bool, Fault> {
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    let rows = execute!(
        tx,
        "INSERT INTO admin_keys (id, client_id, hash, name, scopes, networks, created_at, expires_at) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
         WHERE (SELECT count(*) FROM admin_keys WHERE client_id = $2) < $9",
        key.id,
        &key.client_id,
        hash.bytes(),
        &key.name,
        key.scopes.to_string(),
        networks.join(" "),
        key.created_at,
        key.expires_at,
        most
    )?;
    Ok(rows == 1)
}

/// The key with this hash.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_hash(link: &mut impl Link, hash: &TokenHash) -> Result<Option<AdminKey>, Fault> {
    fetch_optional!(
        link,
        Row,
        "SELECT id, client_id, name, scopes, networks, created_at, expires_at, last_used_at \
         FROM admin_keys WHERE hash = $1",
        hash.bytes()
    )?
    .map(AdminKey::try_from)
    .transpose()
}

/// The key with this id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, id: AdminKeyId) -> Result<Option<AdminKey>, Fault> {
    fetch_optional!(
        link,
        Row,
        "SELECT id, client_id, name, scopes, networks, created_at, expires_at, last_used_at \
         FROM admin_keys WHERE id = $1",
        id
    )?
    .map(AdminKey::try_from)
    .transpose()
}

/// A page of the keys of a client, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(
    link: &mut impl Link,
    client_id: &str,
    request: PageRequest,
) -> Result<Page<AdminKey>, Fault> {
    let rows = fetch_all!(
        link,
        Row,
        "SELECT id, client_id, name, scopes, networks, created_at, expires_at, last_used_at \
         FROM admin_keys WHERE client_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        client_id,
        request.after.unwrap_or(uuid::Uuid::nil()),
        request.limit + 1
    )?;
    let keys = rows.into_iter().map(AdminKey::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(keys, request.limit, |key| key.id.uuid()))
}

/// Records a use. False when a later one is recorded.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_use(tx: &mut Tx, id: AdminKeyId, at: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE admin_keys SET last_used_at = $2 \
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        id,
        at
    )?;
    Ok(rows == 1)
}

/// Removes a key of a client. False when it has none of this id.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, client_id: &str, id: AdminKeyId) -> Result<bool, Fault> {
    let rows =
        execute!(tx, "DELETE FROM admin_keys WHERE id = $1 AND client_id = $2", id, client_id)?;
    Ok(rows == 1)
}

/// Removes all keys of a client.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete_of_client(tx: &mut Tx, client_id: &str) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM admin_keys WHERE client_id = $1", client_id)?;
    Ok(())
}
