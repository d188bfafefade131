//! Resource servers that fetch the public keys: their names, and how often they fetched.

use crate::base::Timestamp;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// A presumed resource server.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SeenVerifier {
    /// The name that it sent, or its user agent and address.
    pub name: String,
    /// When it first fetched the keys.
    pub first_fetch_at: Timestamp,
    /// When it last fetched them.
    pub last_fetch_at: Timestamp,
    /// The number of fetches.
    pub fetches: i64,
}

/// Adds the fetches of a verifier since the last write. False when it is not stored yet.
///
/// # Errors
/// When the database cannot be written.
pub async fn touch(tx: &mut Tx, seen: &SeenVerifier) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE verifiers SET fetches = fetches + $1, last_fetch_at = \
         CASE WHEN last_fetch_at < $2 THEN $2 ELSE last_fetch_at END WHERE name = $3",
        seen.fetches,
        seen.last_fetch_at,
        &seen.name
    )?;
    Ok(rows == 1)
}

/// Adds a verifier, or its counts to a row that another process just wrote.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(tx: &mut Tx, seen: &SeenVerifier) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO verifiers (name, first_fetch_at, last_fetch_at, fetches) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET \
         fetches = verifiers.fetches + excluded.fetches, last_fetch_at = CASE \
         WHEN verifiers.last_fetch_at < excluded.last_fetch_at THEN excluded.last_fetch_at \
         ELSE verifiers.last_fetch_at END",
        &seen.name,
        seen.first_fetch_at,
        seen.last_fetch_at,
        seen.fetches
    )?;
    Ok(())
}

/// The number of stored verifiers.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(link: &mut impl Link) -> Result<i64, Fault> {
    let row = fetch_optional!(link, (i64,), "SELECT count(*) FROM verifiers")?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Verifiers that fetched the keys since `since`, those absent longest first; at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(
    link: &mut impl Link,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<SeenVerifier>, Fault> {
    fetch_all!(
        link,
        SeenVerifier,
        "SELECT name, first_fetch_at, last_fetch_at, fetches FROM verifiers \
         WHERE last_fetch_at > $1 ORDER BY last_fetch_at, name LIMIT $2",
        since,
        limit
    )
}

/// Verifiers that were first seen after `since`, or fewer than `fetches` times, those absent longest first; at most
/// `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn young(
    link: &mut impl Link,
    since: Timestamp,
    fetches: i64,
    limit: i64,
) -> Result<Vec<SeenVerifier>, Fault> {
    fetch_all!(
        link,
        SeenVerifier,
        "SELECT name, first_fetch_at, last_fetch_at, fetches FROM verifiers \
         WHERE first_fetch_at > $1 OR fetches < $2 ORDER BY last_fetch_at, name LIMIT $3",
        since,
        fetches,
        limit
    )
}

/// Removes a verifier.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, name: &str) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM verifiers WHERE name = $1", name)?;
    Ok(())
}
