//! Facts about the database itself: the master key's check value and the cache version.

use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// The value stored under `name`.
///
/// # Errors
/// When the database cannot be read.
pub async fn get(link: &mut impl Link, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let row = fetch_optional!(link, (Vec<u8>,), "SELECT value FROM meta WHERE name = $1", name)?;
    Ok(row.map(|(value,)| value))
}

/// Stores `value` under `name` unless there is a value. True when it was stored.
///
/// # Errors
/// When the database cannot be written.
pub async fn put_once(tx: &mut Tx, name: &str, value: &[u8]) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        name,
        value
    )?;
    Ok(rows == 1)
}

/// Stores or replaces a value.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(tx: &mut Tx, name: &str, value: &[u8]) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO meta (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = $2",
        name,
        value
    )?;
    Ok(())
}

/// Takes a row lock under which decisions about a whole set of rows (the administrators) are safe
/// on PostgreSQL; on SQLite the transaction already is one.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold(tx: &mut Tx, name: &str) -> Result<(), Fault> {
    execute!(tx, "UPDATE meta SET value = value WHERE name = $1", name)?;
    Ok(())
}

/// The cache version.
///
/// # Errors
/// When the database cannot be read.
pub async fn cache_version(link: &mut impl Link) -> Result<i64, Fault> {
    let row = fetch_optional!(link, (i64,), "SELECT version FROM cache_version WHERE id = 1")?;
    Ok(row.map_or(0, |(version,)| version))
}

/// The versions of the cached data: of everything but client documents, and of client documents.
///
/// # Errors
/// When the database cannot be read.
pub async fn cache_versions(link: &mut impl Link) -> Result<(i64, i64), Fault> {
    let row = fetch_optional!(
        link,
        (i64, i64),
        "SELECT version, documents FROM cache_version WHERE id = 1"
    )?;
    Ok(row.unwrap_or_default())
}

/// Makes every process read APIs and keys again after the commit of `tx`.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise_cache_version(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "UPDATE cache_version SET version = version + 1 WHERE id = 1")?;
    Ok(())
}

/// Locks the row that every change of an API, a client or a key writes, until the end of `tx`, without raising
/// the version.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold_cache_version(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "UPDATE cache_version SET version = version WHERE id = 1")?;
    Ok(())
}
