//! Walks through all sessions and sign-ins, including ended ones, a page of rows at a time.
//!
//! There is no index of live ones. A walk reads rows by id, so that every page costs the same.

use crate::base::Timestamp;
use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::domain::outcome::Fault;
use crate::fetch_all;
use crate::store::Link;

/// A row of `sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct WalkedBranch {
    /// The id of the row.
    pub id: BranchId,
    /// The session to which the branch belongs.
    pub session: SessionId,
    /// The user of the session.
    pub user_id: UserId,
    is_live: i64,
}

impl WalkedBranch {
    /// Whether its session is live, seen through its newest live branch: true for one branch of a session.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.is_live == 1
    }
}

/// The next branches after `after`, at most `limit`, in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn branches(
    link: &mut impl Link,
    after: BranchId,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<WalkedBranch>, Fault> {
    fetch_all!(
        link,
        WalkedBranch,
        "SELECT s.id, coalesce(s.sid, s.id) AS session, s.user_id, \
         CAST(CASE WHEN s.revoked_at IS NULL \
         AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND u.disabled_at IS NULL AND s.expires_at > $3 AND s.idle_expires_at > $3 \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
         AND NOT EXISTS (SELECT 1 FROM sessions o WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) \
         AND o.revoked_at IS NULL AND o.expires_at > $3 AND o.idle_expires_at > $3 AND o.id > s.id) \
         THEN 1 ELSE 0 END AS BIGINT) AS is_live \
         FROM (SELECT * FROM sessions WHERE id > $1 ORDER BY id LIMIT $2) s \
         JOIN users u ON u.id = s.user_id ORDER BY s.id",
        after,
        limit,
        now
    )
}

/// A row of `browser_sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct WalkedSignIn {
    /// The id of the row.
    pub id: BrowserId,
    /// The user who is signed in.
    pub user_id: UserId,
    is_live: i64,
}

impl WalkedSignIn {
    /// Whether it is live.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.is_live == 1
    }
}

/// The next sign-ins after `after`, at most `limit`, in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn sign_ins(
    link: &mut impl Link,
    after: BrowserId,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<WalkedSignIn>, Fault> {
    fetch_all!(
        link,
        WalkedSignIn,
        "SELECT b.id, b.user_id, CAST(CASE WHEN b.ended_at IS NULL AND b.expires_at > $3 \
         AND b.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND u.disabled_at IS NULL THEN 1 ELSE 0 END AS BIGINT) AS is_live \
         FROM (SELECT * FROM browser_sessions WHERE id > $1 ORDER BY id LIMIT $2) b \
         JOIN users u ON u.id = b.user_id ORDER BY b.id",
        after,
        limit,
        now
    )
}
