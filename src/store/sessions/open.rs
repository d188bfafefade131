//! Opening sessions.

use crate::base::Timestamp;
use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::domain::outcome::Fault;
use crate::domain::scope::RequestedScopes;
use crate::domain::session::{LiveBranch, Session};
use crate::domain::user_agent::Device;
use crate::store::attributes::column;
use crate::store::{Link, Tx, browser_sessions, users};
use crate::{execute, fetch_all};

/// The client and the sign-in that branches belong to.
#[derive(Debug, Clone, Copy)]
pub struct NewBranch<'a> {
    /// The session to open; its user, client, epoch and sign-in are used.
    pub session: &'a Session,
    /// Since when the client has its `client_id`.
    pub name_since: Timestamp,
}

/// Locks what the session depends on until the end of `tx`: its user, in the epoch that was read with the password
/// hash, and its sign-in, if any. So a concurrent end of either sees the session. False when it may not be opened,
/// because the user was disabled, got a new password or logged out meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold(tx: &mut Tx, session: &Session) -> Result<bool, Fault> {
    if !users::hold(tx, session.user_id, session.user_epoch).await? {
        return Ok(false);
    }
    match session.browser {
        Some(browser) => browser_sessions::hold(tx, browser, session.user_id).await,
        None => Ok(true),
    }
}

/// The live branches of the client in the sign-in `browser` with the same individually requested claims. An access
/// token names only its session, so if branches had different claims, userinfo could not determine those of the
/// token.
///
/// # Errors
/// When the database cannot be read.
pub async fn live_branches(
    link: &mut impl Link,
    of: NewBranch<'_>,
    browser: BrowserId,
) -> Result<Vec<LiveBranch>, Fault> {
    let NewBranch { session, name_since } = of;
    let rows = fetch_all!(
        link,
        (SessionId, BranchId, Timestamp),
        "SELECT coalesce(sid, id), id, answered_at FROM sessions \
         WHERE browser_id = $1 AND client_id = $2 AND user_id = $3 AND user_epoch = $4 \
         AND revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
         WHERE e.client_id = sessions.client_id AND e.generation <> sessions.client_generation) \
         AND created_at >= $5 AND expires_at > $6 AND idle_expires_at > $6 \
         AND coalesce(asked_claims, '') = $7",
        browser,
        &session.client_id,
        session.user_id,
        session.user_epoch,
        name_since,
        session.created_at,
        asked_claims(session).unwrap_or_default()
    )?;
    let branch = |(session, branch, answered_at)| LiveBranch { session, branch, answered_at };
    Ok(rows.into_iter().map(branch).collect())
}

/// The live sessions of a user beyond the `most` that were used last, the most recently used first. At most 100, so
/// that one log-in never has to end thousands.
///
/// # Errors
/// When the database cannot be read.
pub async fn over_limit(
    link: &mut impl Link,
    user: UserId,
    most: i64,
    now: Timestamp,
) -> Result<Vec<SessionId>, Fault> {
    let rows = fetch_all!(
        link,
        (SessionId, Timestamp),
        "SELECT coalesce(s.sid, s.id), max(s.answered_at) FROM sessions s \
         JOIN users u ON u.id = s.user_id WHERE s.user_id = $1 AND s.revoked_at IS NULL \
         AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
         AND s.expires_at > $2 AND s.idle_expires_at > $2 \
         GROUP BY coalesce(s.sid, s.id) ORDER BY max(s.answered_at) DESC, coalesce(s.sid, s.id) DESC \
         LIMIT 100 OFFSET $3",
        user,
        now,
        most
    )?;
    Ok(rows.into_iter().map(|(session, _)| session).collect())
}

/// Removes a branch that is replaced by another. Its refresh tokens are unknown from then on, which raises no alarm.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_branch(tx: &mut Tx, branch: BranchId) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM sessions WHERE id = $1", branch)?;
    Ok(())
}

/// The column of individually requested claims: NULL if there are none.
fn asked_claims(session: &Session) -> Option<String> {
    (!session.asked_claims.is_empty()).then(|| column(&session.asked_claims))
}

/// Writes a session, after [`hold`].
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, session: &Session, device: &Device) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO sessions (id, sid, user_id, client_id, audience, scope, current, parent, \
         answered_at, supersedes, created_at, idle_expires_at, expires_at, user_epoch, \
         grant_type, auth_time, browser_id, asked_claims, dpop_jkt, asked_scope, factors, client_generation) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, 0, $8, $9, $10, $11, $12, $13, $14, $15, \
         $16, $17, $18, \
         coalesce((SELECT generation FROM client_session_ends WHERE client_id = $4), 0))",
        session.branch,
        (session.id.uuid() != session.branch.uuid()).then_some(session.id),
        session.user_id,
        &session.client_id,
        session.audience.as_deref(),
        session.scopes.to_string(),
        i64::from(session.chain.current),
        session.created_at,
        session.idle_expires_at,
        session.expires_at,
        session.user_epoch,
        session.grant_type.as_deref(),
        session.auth_time,
        session.browser,
        asked_claims(session),
        session.dpop_jkt.as_deref(),
        session.requested_scopes.as_ref().map(RequestedScopes::as_str),
        session.factors.as_ref().map(column)
    )?;
    execute!(
        tx,
        "INSERT INTO session_devices (session_id, user_agent, address) VALUES ($1, $2, $3)",
        session.branch,
        &device.user_agent,
        device.address.map(|address| address.to_string())
    )?;
    Ok(())
}
