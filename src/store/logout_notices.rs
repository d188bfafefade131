//! Clients that are yet to be told that a session has ended: the outbox of back-channel logout.

use crate::base::Timestamp;
use crate::base::id::{NoticeId, SessionId, UserId};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// A client to be told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Notice {
    /// Its id, the same however often it is tried.
    pub id: NoticeId,
    /// The client.
    pub client_id: String,
    /// The user whose session has ended.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// How often it was tried, this time included.
    pub tries: i64,
}

/// Writes a notice down with the change it tells of: both or neither.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, notice: &Notice, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO logout_notices (id, client_id, user_id, session_id, tries, next_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        notice.id,
        &notice.client_id,
        notice.user_id,
        notice.session_id,
        notice.tries,
        now
    )?;
    Ok(())
}

/// Whether any notice is due.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_due(link: &mut impl Link, now: Timestamp) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (NoticeId,),
        "SELECT id FROM logout_notices WHERE next_at <= $1 ORDER BY next_at, id LIMIT 1",
        now
    )?;
    Ok(row.is_some())
}

/// Takes up to `limit` notices that are due and puts each off until `again`: who takes one has until
/// then to deliver it, and nobody else takes it meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn take(
    tx: &mut Tx,
    now: Timestamp,
    again: Timestamp,
    limit: i64,
) -> Result<Vec<Notice>, Fault> {
    // The outer guard is looked at again where another process was first.
    fetch_all!(
        tx,
        Notice,
        "UPDATE logout_notices SET tries = tries + 1, next_at = $1 \
         WHERE next_at <= $2 AND id IN (SELECT id FROM logout_notices WHERE next_at <= $2 \
         ORDER BY next_at, id LIMIT $3) RETURNING id, client_id, user_id, session_id, tries",
        again,
        now,
        limit
    )
}

/// Puts a notice off that could not be delivered.
///
/// # Errors
/// When the database cannot be written.
pub async fn put_off(tx: &mut Tx, id: NoticeId, until: Timestamp) -> Result<(), Fault> {
    execute!(tx, "UPDATE logout_notices SET next_at = $1 WHERE id = $2", until, id)?;
    Ok(())
}

/// Removes a notice that was delivered or given up. False when it is gone already.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, id: NoticeId) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM logout_notices WHERE id = $1", id)? == 1)
}
