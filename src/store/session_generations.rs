//! Ends the sessions of every user, or of a client, with one row.
//!
//! Every session and sign-in of an earlier generation has ended. Each statement that reads sessions contains the
//! comparison. The logout notices for those sessions are created afterwards, by a walk.

use crate::base::Timestamp;
use crate::base::id::{BranchId, NoticeId, SessionId};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::sessions::end::EndedSession;
use super::{Link, Tx};

/// Ends all sessions and sign-ins, and all pending codes. Returns the generation that ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_all(tx: &mut Tx) -> Result<i64, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE session_generation SET generation = generation + 1 WHERE id = 1 \
         RETURNING generation"
    )?;
    let missing = || Fault::internal("the row of the session generation is missing");
    row.map(|(generation,)| generation - 1).ok_or_else(missing)
}

/// Ends every session of a client, and the approvals of its users that were not redeemed. Returns the generation
/// that ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_all_of_client(tx: &mut Tx, client_id: &str, now: Timestamp) -> Result<i64, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "INSERT INTO client_session_ends (client_id, generation, ended_at) VALUES ($1, 1, $2) \
         ON CONFLICT (client_id) DO UPDATE SET generation = client_session_ends.generation + 1, \
         ended_at = excluded.ended_at RETURNING generation",
        client_id,
        now
    )?;
    // Approvals that were not redeemed. A redeemed code stays, because it is needed to detect reuse.
    execute!(
        tx,
        "DELETE FROM authorization_codes WHERE client_id = $1 AND redeemed_at IS NULL",
        client_id
    )?;
    execute!(
        tx,
        "DELETE FROM device_codes WHERE client_id = $1 AND user_id IS NOT NULL",
        client_id
    )?;
    let missing = || Fault::internal("the generation of a client was not written");
    row.map(|(generation,)| generation - 1).ok_or_else(missing)
}

/// A walk over sessions that ended with a generation, to notify their clients.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LogoutWalk {
    /// The row's id.
    pub id: NoticeId,
    /// The client whose sessions ended; `None` means all.
    pub client_id: Option<String>,
    /// The generation that ended.
    pub generation: i64,
    /// The position: a branch if all ended, a session if those of one client did.
    pub after: Option<BranchId>,
    /// When the sessions ended.
    pub ended_at: Timestamp,
}

/// Writes one in the transaction that ends the sessions.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_walk(tx: &mut Tx, walk: &LogoutWalk) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO logout_walks (id, client_id, generation, after, ended_at) \
         VALUES ($1, $2, $3, $4, $5)",
        walk.id,
        walk.client_id.as_deref(),
        walk.generation,
        walk.after,
        walk.ended_at
    )?;
    Ok(())
}

/// Whether there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_walk(link: &mut impl Link) -> Result<bool, Fault> {
    let row =
        fetch_optional!(link, (NoticeId,), "SELECT id FROM logout_walks ORDER BY id LIMIT 1")?;
    Ok(row.is_some())
}

/// The oldest one, locked until the end of `tx`. `None` when there is none, or when another process has just
/// finished it.
///
/// # Errors
/// When the database cannot be written.
pub async fn take_walk(tx: &mut Tx) -> Result<Option<LogoutWalk>, Fault> {
    fetch_optional!(
        tx,
        LogoutWalk,
        "UPDATE logout_walks SET ended_at = ended_at \
         WHERE id = (SELECT id FROM logout_walks ORDER BY id LIMIT 1) \
         RETURNING id, client_id, generation, after, ended_at"
    )
}

/// Stores its position.
///
/// # Errors
/// When the database cannot be written.
pub async fn advance_walk(tx: &mut Tx, id: NoticeId, after: BranchId) -> Result<(), Fault> {
    execute!(tx, "UPDATE logout_walks SET after = $1 WHERE id = $2", after, id)?;
    Ok(())
}

/// Removes a finished one.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_walk(tx: &mut Tx, id: NoticeId) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM logout_walks WHERE id = $1", id)?;
    Ok(())
}

/// A branch in a walk.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct WalkedBranch {
    branch: BranchId,
    id: SessionId,
    user_id: crate::base::id::UserId,
    client_id: String,
    has_ended: i64,
}

impl WalkedBranch {
    /// The branch.
    #[must_use]
    pub const fn branch(&self) -> BranchId {
        self.branch
    }

    /// Its session, if it ended with the generation and this is its newest branch.
    #[must_use]
    pub fn ended(self) -> Option<EndedSession> {
        let Self { id, user_id, client_id, has_ended, .. } = self;
        (has_ended == 1).then_some(EndedSession { id, user_id, client_id })
    }
}

/// The next branches in the walk of all sessions, in the order of their ids. If the user of a session has changed
/// since, the session is treated as ended with the generation, although that change may have ended it: a second
/// notice to its client is better than none.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_generation(
    link: &mut impl Link,
    walk: &LogoutWalk,
    limit: i64,
) -> Result<Vec<WalkedBranch>, Fault> {
    fetch_all!(
        link,
        WalkedBranch,
        "SELECT s.id AS branch, coalesce(s.sid, s.id) AS id, s.user_id, s.client_id, \
         CAST(CASE WHEN s.grant_type IS NOT NULL AND s.revoked_at IS NULL AND s.expires_at > $3 \
         AND s.idle_expires_at > $3 AND (s.user_epoch = u.session_epoch + $4 \
         OR (u.updated_at >= $3 AND s.user_epoch < u.session_epoch + $4)) \
         AND NOT EXISTS (SELECT 1 FROM sessions o WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) \
         AND o.revoked_at IS NULL AND o.id > s.id) THEN 1 ELSE 0 END AS BIGINT) AS has_ended \
         FROM (SELECT * FROM sessions WHERE id > $1 ORDER BY id LIMIT $2) s \
         JOIN users u ON u.id = s.user_id ORDER BY s.id",
        walk.after.unwrap_or(BranchId::from_uuid(uuid::Uuid::nil())),
        limit,
        walk.ended_at,
        walk.generation
    )
}

/// The next sessions of a client that ended with one of its generations, in the order of their ids. The same
/// applies if their user has changed since.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_client_generation(
    link: &mut impl Link,
    walk: &LogoutWalk,
    limit: i64,
) -> Result<Vec<EndedSession>, Fault> {
    fetch_all!(
        link,
        EndedSession,
        "SELECT DISTINCT coalesce(s.sid, s.id) AS id, s.user_id, s.client_id FROM sessions s \
         JOIN users u ON u.id = s.user_id WHERE s.client_id = $1 AND s.client_generation = $2 \
         AND coalesce(s.sid, s.id) > $3 AND s.grant_type IS NOT NULL AND s.revoked_at IS NULL \
         AND s.expires_at > $4 AND s.idle_expires_at > $4 AND (u.updated_at >= $4 OR s.user_epoch \
         = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1)) \
         ORDER BY coalesce(s.sid, s.id) LIMIT $5",
        walk.client_id.as_deref().unwrap_or_default(),
        walk.generation,
        walk.after.unwrap_or(BranchId::from_uuid(uuid::Uuid::nil())),
        walk.ended_at,
        limit
    )
}
