//! The outbox of back-channel logout.

use crate::base::id::{NoticeId, SessionId, UserId};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// How far ahead the clock of a process that postponed a notice may be. One that is postponed further than this was
/// postponed by a clock that has been set back since, and is due.
const AHEAD: TimeSpan = TimeSpan::from_mins(2);

/// A pending notice.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Notice {
    /// Its id, the same for all attempts.
    pub id: NoticeId,
    /// The `client_id` of the notified client.
    pub client_id: String,
    /// The user whose session has ended.
    pub user_id: UserId,
    /// The session that has ended, the `sid` of the notice.
    pub session_id: SessionId,
    /// How often it was tried, this time included.
    pub tries: i64,
}

/// Writes a notice in the transaction of its cause.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, notice: &Notice, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO logout_notices (id, client_id, user_id, session_id, tries, next_at, set_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        notice.id,
        &notice.client_id,
        notice.user_id,
        notice.session_id,
        notice.tries,
        now
    )?;
    Ok(())
}

/// The clients that have a notice that is due, the longest waiting first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn clients_due(
    link: &mut impl Link,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<String>, Fault> {
    let rows = fetch_all!(
        link,
        (String,),
        "SELECT client_id FROM logout_notices WHERE next_at <= $1 \
         GROUP BY client_id ORDER BY min(next_at), client_id LIMIT $2",
        now,
        limit
    )?;
    Ok(rows.into_iter().map(|(client_id,)| client_id).collect())
}

/// The notices of a client to take.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The `client_id` of the notified client.
    pub client_id: &'a str,
    /// Notices that are due by this time.
    pub now: Timestamp,
    /// Until when each is postponed.
    pub again: Timestamp,
    /// The maximum number.
    pub limit: i64,
}

/// Takes notices of a client that are due and postpones each, so that only this process delivers it until then.
///
/// # Errors
/// When the database cannot be written.
pub async fn take(tx: &mut Tx, turn: Turn<'_>) -> Result<Vec<Notice>, Fault> {
    // The outer condition is evaluated again if another process took the row first.
    fetch_all!(
        tx,
        Notice,
        "UPDATE logout_notices SET tries = tries + 1, next_at = $1, set_at = $2 \
         WHERE next_at <= $2 AND id IN (SELECT id FROM logout_notices \
         WHERE client_id = $3 AND next_at <= $2 ORDER BY next_at, id LIMIT $4) \
         RETURNING id, client_id, user_id, session_id, tries",
        turn.again,
        turn.now,
        turn.client_id,
        turn.limit
    )
}

/// Postpones a notice that could not be delivered at `now`.
///
/// # Errors
/// When the database cannot be written.
pub async fn put_off(
    tx: &mut Tx,
    id: NoticeId,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE logout_notices SET next_at = $1, set_at = $2 WHERE id = $3",
        until,
        now,
        id
    )?;
    Ok(())
}

/// Whether a notice was postponed by a clock that has been set back since.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_ahead(link: &mut impl Link, now: Timestamp) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (NoticeId,),
        "SELECT id FROM logout_notices WHERE set_at > $1 ORDER BY set_at, id LIMIT 1",
        now + AHEAD
    )?;
    Ok(row.is_some())
}

/// Makes up to `limit` notices due that were postponed by a clock that has been set back since.
///
/// # Errors
/// When the database cannot be written.
pub async fn make_due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "UPDATE logout_notices SET next_at = $1, set_at = $1 WHERE set_at > $2 \
         AND id IN (SELECT id FROM logout_notices WHERE set_at > $2 ORDER BY set_at, id LIMIT $3)",
        now,
        now + AHEAD,
        limit
    )
}

/// Removes a notice that was delivered or abandoned. False when it was already removed.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, id: NoticeId) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM logout_notices WHERE id = $1", id)? == 1)
}
