//! Registered APIs.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::base::Timestamp;
use crate::domain::api::Api;
use crate::domain::page::{Page, PageRequest};
use crate::domain::scope::Scopes;
use crate::domain::stop::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx, meta};

/// An API as stored.
#[derive(Debug, Clone)]
pub struct StoredApi {
    /// The row's id, for paging.
    pub id: Uuid,
    /// The API.
    pub api: Api,
    /// When it was registered.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ApiRow {
    id: Uuid,
    identifier: String,
    scopes: String,
    created_at: Timestamp,
}

impl TryFrom<ApiRow> for StoredApi {
    type Error = Fault;
    fn try_from(row: ApiRow) -> Result<Self, Fault> {
        let scopes = Scopes::parse(&row.scopes)
            .map_err(|_| Fault::internal("an API with scopes that cannot be read"))?;
        let api = Api { identifier: row.identifier, scopes };
        Ok(Self { id: row.id, api, created_at: row.created_at })
    }
}

/// Registers an API. False when its identifier is taken.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, id: Uuid, api: &Api, now: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO apis (id, identifier, scopes, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (identifier) DO NOTHING",
        id,
        &api.identifier,
        api.scopes.to_string(),
        now
    )?;
    meta::raise_cache_version(tx).await?;
    Ok(rows == 1)
}

/// Removes the API with this identifier or this row id. Its identifier, none when there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        tx,
        (String,),
        "DELETE FROM apis WHERE identifier = $1 OR id = $2 RETURNING identifier",
        name,
        row_id(name)
    )?;
    if row.is_some() {
        meta::raise_cache_version(tx).await?;
    }
    Ok(row.map(|(identifier,)| identifier))
}

/// The row id a text spells with hyphens and nothing else. Identifiers are absolute URIs and never
/// look like that; `urn:uuid:…` is one of them, and a UUID to whoever reads more generously.
fn row_id(text: &str) -> Uuid {
    text.parse().map_or(Uuid::nil(), Hyphenated::into_uuid)
}

/// The API with this identifier or this row id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, name: &str) -> Result<Option<StoredApi>, Fault> {
    fetch_optional!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, created_at FROM apis WHERE identifier = $1 OR id = $2",
        name,
        row_id(name)
    )?
    .map(StoredApi::try_from)
    .transpose()
}

/// Every API; there are few, and every process keeps them in memory.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(link: &mut impl Link) -> Result<Vec<Api>, Fault> {
    let rows = fetch_all!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, created_at FROM apis ORDER BY id"
    )?;
    rows.into_iter().map(|row| StoredApi::try_from(row).map(|stored| stored.api)).collect()
}

/// A page of APIs, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(link: &mut impl Link, request: PageRequest) -> Result<Page<StoredApi>, Fault> {
    let rows = fetch_all!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, created_at FROM apis WHERE id > $1 ORDER BY id LIMIT $2",
        request.after.unwrap_or(Uuid::nil()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(StoredApi::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |stored| stored.id))
}
