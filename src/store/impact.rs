//! The impact of a change: sessions and consents, counted up to a bound.
//!
//! For plans. Not every count has an index: one that takes too long is an error, and the plan omits it.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::fetch_optional;

use super::Link;

/// The highest count.
pub const MOST: i64 = 100_000;

/// Live sessions of a client.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn sessions_of_client(
    link: &mut impl Link,
    client_id: &str,
    now: Timestamp,
) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT DISTINCT coalesce(s.sid, s.id) FROM sessions s JOIN users u \
         ON u.id = s.user_id AND u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = s.user_epoch WHERE s.client_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
         AND s.revoked_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2 LIMIT $3) AS found",
        client_id,
        now,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Live sessions for an API.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn sessions_for_api(
    link: &mut impl Link,
    audience: &str,
    now: Timestamp,
) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT DISTINCT coalesce(s.sid, s.id) FROM sessions s JOIN users u \
         ON u.id = s.user_id AND u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = s.user_epoch WHERE s.audience = $1 \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
         AND s.revoked_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2 LIMIT $3) AS found",
        audience,
        now,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Live sessions of a user.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn sessions_of_user(
    link: &mut impl Link,
    user: UserId,
    now: Timestamp,
) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT DISTINCT coalesce(s.sid, s.id) FROM sessions s JOIN users u \
         ON u.id = s.user_id AND u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = s.user_epoch WHERE s.user_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
         AND s.revoked_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2 LIMIT $3) AS found",
        user,
        now,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Consents that users gave a client.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn consents_of_client(link: &mut impl Link, client_id: &str) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT 1 FROM consents WHERE client_id = $1 LIMIT $2) AS found",
        client_id,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Consents that users gave for an API.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn consents_for_api(link: &mut impl Link, audience: &str) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT 1 FROM consents WHERE audience = $1 LIMIT $2) AS found",
        audience,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Consents that a user gave.
///
/// # Errors
/// When the database cannot be read in time.
pub async fn consents_of_user(link: &mut impl Link, user: UserId) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT 1 FROM consents WHERE user_id = $1 LIMIT $2) AS found",
        user,
        MOST
    )?;
    Ok(row.map_or(0, |(count,)| count))
}
