//! Cached client ID metadata documents.
//!
//! Every process also keeps them in memory, and reads rows again whose version is later than the last one it has
//! read. The validated content is one JSON text.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::domain::client_document::DocumentContent;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::column;
use super::{Link, Tx};

/// A cached document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The row's id, for paging.
    pub id: Uuid,
    /// Its URL, which is the `client_id`.
    pub client_id: String,
    /// Its validated content. `None` if the client was blocked before its document was fetched.
    pub content: Option<DocumentContent>,
    /// The entity tag of the response.
    pub etag: Option<String>,
    /// When its host last confirmed that it is current.
    pub confirmed_at: Timestamp,
    /// Until when it is not fetched again.
    pub fresh_until: Timestamp,
    /// The last attempt to fetch it, if it failed, and why.
    pub failed: Option<(Timestamp, String)>,
    /// When a user last authorized the client, with a precision of a day.
    pub authorized_at: Option<Timestamp>,
    /// When an administrator blocked the client.
    pub blocked_at: Option<Timestamp>,
    /// The version of the table that the row was written with.
    pub version: i64,
}

#[derive(sqlx::FromRow)]
struct DocumentRow {
    id: Uuid,
    client_id: String,
    content: Option<String>,
    etag: Option<String>,
    confirmed_at: Timestamp,
    fresh_until: Timestamp,
    failed_at: Option<Timestamp>,
    failure: Option<String>,
    authorized_at: Option<Timestamp>,
    blocked_at: Option<Timestamp>,
    version: i64,
}

impl TryFrom<DocumentRow> for StoredDocument {
    type Error = Fault;
    fn try_from(row: DocumentRow) -> Result<Self, Fault> {
        let content = row.content.map(|text| serde_json::from_str(&text)).transpose();
        let content = content.map_err(|error| {
            Fault::internal("a copy of a client document that cannot be read").with_source(error)
        })?;
        Ok(Self {
            id: row.id,
            client_id: row.client_id,
            content,
            etag: row.etag,
            confirmed_at: row.confirmed_at,
            fresh_until: row.fresh_until,
            failed: row.failed_at.zip(row.failure),
            authorized_at: row.authorized_at,
            blocked_at: row.blocked_at,
            version: row.version,
        })
    }
}

/// Raises the version for a change in `tx` and locks it until the end of `tx`, so that versions are committed in order.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise_version(tx: &mut Tx) -> Result<i64, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE cache_version SET documents = documents + 1 WHERE id = 1 RETURNING documents"
    )?;
    row.map(|(version,)| version).ok_or_else(|| Fault::internal("the cache version is gone"))
}

/// Stores a fetched document in the place of the previous one. A blocked client stays blocked.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(tx: &mut Tx, copy: &StoredDocument) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO client_documents (client_id, content, etag, confirmed_at, fresh_until, version, id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (client_id) DO UPDATE SET content = $2, etag = $3, \
         confirmed_at = $4, fresh_until = $5, failed_at = NULL, failure = NULL, version = $6",
        &copy.client_id,
        copy.content.as_ref().map(column),
        copy.etag.as_deref(),
        copy.confirmed_at,
        copy.fresh_until,
        copy.version,
        copy.id
    )?;
    Ok(())
}

/// Records that a cached document could not be fetched again. Does nothing if there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_failure(
    tx: &mut Tx,
    client_id: &str,
    failure: &str,
    at: Timestamp,
    version: i64,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE client_documents SET failed_at = $1, failure = $2, version = $3 WHERE client_id = $4",
        at,
        failure,
        version,
        client_id
    )?;
    Ok(())
}

/// Records that a user has authorized the client, unless that was recorded after `before`.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_authorization(
    tx: &mut Tx,
    client_id: &str,
    at: Timestamp,
    before: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE client_documents SET authorized_at = $1 \
         WHERE client_id = $2 AND (authorized_at IS NULL OR authorized_at < $3)",
        at,
        client_id,
        before
    )?;
    Ok(())
}

/// Blocks a client, even without a cached document; `false` if it was already blocked.
///
/// # Errors
/// When the database cannot be written.
pub async fn block(
    tx: &mut Tx,
    (id, client_id): (Uuid, &str),
    at: Timestamp,
    version: i64,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO client_documents (client_id, confirmed_at, fresh_until, blocked_at, version, id) \
         VALUES ($1, $2, $2, $2, $3, $4) ON CONFLICT (client_id) DO UPDATE SET blocked_at = $2, version = $3 \
         WHERE client_documents.blocked_at IS NULL",
        client_id,
        at,
        version,
        id
    )?;
    Ok(rows == 1)
}

/// Unblocks a client, and removes its row if it has no document; `false` if it was not blocked.
///
/// # Errors
/// When the database cannot be written.
pub async fn unblock(tx: &mut Tx, client_id: &str, version: i64) -> Result<bool, Fault> {
    let removed = execute!(
        tx,
        "DELETE FROM client_documents WHERE client_id = $1 AND blocked_at IS NOT NULL AND content IS NULL",
        client_id
    )?;
    let changed = execute!(
        tx,
        "UPDATE client_documents SET blocked_at = NULL, version = $2 \
         WHERE client_id = $1 AND blocked_at IS NOT NULL",
        client_id,
        version
    )?;
    Ok(removed + changed == 1)
}

/// The number of rows, and how many of them no user has authorized.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts(link: &mut impl Link) -> Result<(i64, i64), Fault> {
    let row = fetch_optional!(
        link,
        (i64, i64),
        "SELECT COUNT(*), COUNT(CASE WHEN authorized_at IS NULL AND blocked_at IS NULL THEN 1 END) \
         FROM client_documents"
    )?;
    Ok(row.unwrap_or_default())
}

/// Removes the oldest documents that no user has authorized, and returns their number.
///
/// # Errors
/// When the database cannot be written.
pub async fn evict(tx: &mut Tx, rows: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM client_documents WHERE id IN (SELECT id FROM client_documents \
         WHERE authorized_at IS NULL AND blocked_at IS NULL ORDER BY confirmed_at, id LIMIT $1)",
        rows
    )
}

/// The cached document of this URL.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, client_id: &str) -> Result<Option<StoredDocument>, Fault> {
    fetch_optional!(
        link,
        DocumentRow,
        "SELECT id, client_id, content, etag, confirmed_at, fresh_until, failed_at, failure, authorized_at, \
         blocked_at, version FROM client_documents WHERE client_id = $1",
        client_id
    )?
    .map(StoredDocument::try_from)
    .transpose()
}

/// The rows of later versions than `version`.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(link: &mut impl Link, version: i64) -> Result<Vec<StoredDocument>, Fault> {
    let rows = fetch_all!(
        link,
        DocumentRow,
        "SELECT id, client_id, content, etag, confirmed_at, fresh_until, failed_at, failure, authorized_at, \
         blocked_at, version FROM client_documents WHERE version > $1",
        version
    )?;
    rows.into_iter().map(StoredDocument::try_from).collect()
}

/// A page of cached documents, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(
    link: &mut impl Link,
    request: PageRequest,
) -> Result<Page<StoredDocument>, Fault> {
    let rows = fetch_all!(
        link,
        DocumentRow,
        "SELECT id, client_id, content, etag, confirmed_at, fresh_until, failed_at, failure, authorized_at, \
         blocked_at, version FROM client_documents WHERE id > $1 ORDER BY id LIMIT $2",
        request.after.unwrap_or(Uuid::nil()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(StoredDocument::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |stored| stored.id))
}

/// Removes up to `step` documents that no user has authorized and that were confirmed before `unauthorized`, and as
/// many that users last authorized before `authorized`. Those of blocked clients stay.
///
/// # Errors
/// When the database cannot be written.
pub async fn prune(
    tx: &mut Tx,
    unauthorized: Timestamp,
    authorized: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let passers_by = execute!(
        tx,
        "DELETE FROM client_documents WHERE id IN (SELECT id FROM client_documents \
         WHERE authorized_at IS NULL AND blocked_at IS NULL AND confirmed_at < $1 ORDER BY confirmed_at, id LIMIT $2)",
        unauthorized,
        step
    )?;
    let former = execute!(
        tx,
        "DELETE FROM client_documents WHERE id IN (SELECT id FROM client_documents \
         WHERE blocked_at IS NULL AND authorized_at < $1 ORDER BY authorized_at, id LIMIT $2)",
        authorized,
        step
    )?;
    let removed = passers_by + former;
    if removed > 0 {
        // The version tells other processes that the number of rows has changed.
        raise_version(tx).await?;
    }
    Ok(removed)
}
