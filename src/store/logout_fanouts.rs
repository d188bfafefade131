//! Users whose sessions all ended at once, and whose logout notices have not been created yet.

use crate::base::Timestamp;
use crate::base::id::{NoticeId, SessionId, UserId};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// A user whose sessions ended.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Fanout {
    /// The row's id.
    pub id: NoticeId,
    /// The id of that user.
    pub user_id: UserId,
    /// The user's epoch that ended.
    pub epoch: i64,
    /// The last session for which a notice was written.
    pub after: Option<SessionId>,
    /// When the sessions ended.
    pub ended_at: Timestamp,
}

/// Writes one in the transaction that ends the sessions.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, fanout: &Fanout) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO logout_fanouts (id, user_id, epoch, after, ended_at) \
         VALUES ($1, $2, $3, $4, $5)",
        fanout.id,
        fanout.user_id,
        fanout.epoch,
        fanout.after,
        fanout.ended_at
    )?;
    Ok(())
}

/// Whether there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn any(link: &mut impl Link) -> Result<bool, Fault> {
    let row =
        fetch_optional!(link, (NoticeId,), "SELECT id FROM logout_fanouts ORDER BY id LIMIT 1")?;
    Ok(row.is_some())
}

/// The oldest one, locked until the end of `tx`. `None` when there is none, or when another process has just
/// finished it.
///
/// # Errors
/// When the database cannot be written.
pub async fn take(tx: &mut Tx) -> Result<Option<Fanout>, Fault> {
    fetch_optional!(
        tx,
        Fanout,
        "UPDATE logout_fanouts SET ended_at = ended_at \
         WHERE id = (SELECT id FROM logout_fanouts ORDER BY id LIMIT 1) \
         RETURNING id, user_id, epoch, after, ended_at"
    )
}

/// Stores the position.
///
/// # Errors
/// When the database cannot be written.
pub async fn advance(tx: &mut Tx, id: NoticeId, after: SessionId) -> Result<(), Fault> {
    execute!(tx, "UPDATE logout_fanouts SET after = $1 WHERE id = $2", after, id)?;
    Ok(())
}

/// Removes a finished one.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, id: NoticeId) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM logout_fanouts WHERE id = $1", id)?;
    Ok(())
}
