//! Counting users and sessions for the metrics, a part of a table at a time.
//!
//! Counting a whole table would hold a connection, and on PostgreSQL a snapshot, for seconds. Each part ends at the
//! id that `*_edge` finds; `jobs` decides the size of parts.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::domain::outcome::Fault;
use crate::{fetch_all, fetch_optional};

use super::Link;

/// The id of the user `step` users after `after`; `None` if there are fewer.
///
/// # Errors
/// When the database cannot be read.
pub async fn users_edge(
    link: &mut impl Link,
    after: Uuid,
    step: i64,
) -> Result<Option<Uuid>, Fault> {
    let row = fetch_optional!(
        link,
        (Uuid,),
        "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
        after,
        step
    )?;
    Ok(row.map(|(id,)| id))
}

/// The number of users after `after` up to `until`, and how many of them are disabled.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_users(
    link: &mut impl Link,
    after: Uuid,
    until: Uuid,
) -> Result<(i64, i64), Fault> {
    let row = fetch_optional!(
        link,
        (i64, i64),
        "SELECT count(*), count(disabled_at) FROM users WHERE id > $1 AND id <= $2",
        after,
        until
    )?;
    Ok(row.unwrap_or_default())
}

/// The id of the refresh branch `step` branches after `after`; `None` if there are fewer.
///
/// # Errors
/// When the database cannot be read.
pub async fn sessions_edge(
    link: &mut impl Link,
    after: Uuid,
    step: i64,
) -> Result<Option<Uuid>, Fault> {
    let row = fetch_optional!(
        link,
        (Uuid,),
        "SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
        after,
        step
    )?;
    Ok(row.map(|(id,)| id))
}

/// How many refresh branches after `after` up to `until` are neither revoked nor expired at `now`, and how
/// many of them a grant has opened; the others were opened at `/v1`.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_sessions(
    link: &mut impl Link,
    after: Uuid,
    until: Uuid,
    now: Timestamp,
) -> Result<(i64, i64), Fault> {
    let row = fetch_optional!(
        link,
        (i64, i64),
        "SELECT count(*), count(grant_type) FROM sessions WHERE id > $1 AND id <= $2 \
         AND revoked_at IS NULL AND expires_at > $3 AND idle_expires_at > $3",
        after,
        until,
        now
    )?;
    Ok(row.unwrap_or_default())
}

/// The id of the sign-in at the pages `step` sign-ins after `after`; `None` if there are fewer.
///
/// # Errors
/// When the database cannot be read.
pub async fn browser_sessions_edge(
    link: &mut impl Link,
    after: Uuid,
    step: i64,
) -> Result<Option<Uuid>, Fault> {
    let row = fetch_optional!(
        link,
        (Uuid,),
        "SELECT id FROM browser_sessions WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
        after,
        step
    )?;
    Ok(row.map(|(id,)| id))
}

/// How many sign-ins at the pages after `after` up to `until` are neither ended nor expired at `now`.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_browser_sessions(
    link: &mut impl Link,
    after: Uuid,
    until: Uuid,
    now: Timestamp,
) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM browser_sessions WHERE id > $1 AND id <= $2 \
         AND ended_at IS NULL AND expires_at > $3",
        after,
        until,
        now
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// The number of pending logout notices, up to `most`.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_notices(link: &mut impl Link, most: i64) -> Result<i64, Fault> {
    let rows = fetch_all!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT 1 FROM logout_notices ORDER BY id LIMIT $1) AS waiting",
        most
    )?;
    Ok(rows.first().map_or(0, |(count,)| *count))
}
