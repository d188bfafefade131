//! The only statements that end sessions.
//!
//! Each changes the rows of every branch, and writes one audit event and a row of `revocations` for services that
//! verify offline, in one transaction. `logout_notices` records the notices.

use std::collections::BTreeMap;

use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::base::{Entropy, TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::outcome::Fault;
use crate::domain::session::EndReason;
use crate::store::{Link, Tx, audit, revocations, users};
use crate::{execute, fetch_all};

/// The context for ending sessions.
#[derive(Clone, Copy)]
pub struct EndContext<'a> {
    /// The origin, for the audit trail.
    pub origin: &'a Origin,
    /// When the sessions end.
    pub now: Timestamp,
    /// The source of event ids.
    pub entropy: &'a dyn Entropy,
    /// The longest lifetime of an access token: a session that was not refreshed for longer has no valid one.
    pub longest_access_ttl: TimeSpan,
}

/// An ended session, for the notice to its client.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EndedSession {
    /// The session id, shared by its branches.
    pub id: SessionId,
    /// The user of the session.
    pub user_id: UserId,
    /// The client it was opened through.
    pub client_id: String,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    reason: EndReason,
    detail: Option<&'static str>,
}

impl Ending {
    /// The session ends for this reason.
    #[must_use]
    pub const fn of(reason: EndReason) -> Self {
        Self { reason, detail: None }
    }

    /// The same with a stable word for the variant of the reason.
    #[must_use]
    pub const fn detail(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    fn event(self) -> Event {
        let kind = match self.reason {
            EndReason::ReuseDetected => EventKind::RefreshReuseDetected,
            EndReason::RollbackDetected => EventKind::RefreshRollbackDetected,
            EndReason::CodeReused => EventKind::CodeReuseDetected,
            _ => return Event::new(EventKind::SessionEnded).detail(self.reason.as_str()),
        };
        Event { detail: self.detail.map(str::to_owned), ..Event::new(kind) }
    }
}

/// Ends a session with all its branches. `None` when it does not exist or had already ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_session(
    tx: &mut Tx,
    id: SessionId,
    ending: Ending,
    context: &EndContext<'_>,
) -> Result<Option<EndedSession>, Fault> {
    let EndContext { origin, now, entropy, longest_access_ttl } = *context;
    hold_user_of(tx, id).await?;
    let rows = fetch_all!(
        tx,
        (UserId, String, Timestamp),
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE coalesce(sid, id) = $3 AND revoked_at IS NULL \
         RETURNING user_id, client_id, answered_at",
        now,
        ending.reason.as_str(),
        id
    )?;
    let Some(answered_at) = rows.iter().map(|(_, _, answered_at)| *answered_at).max() else {
        return Ok(None);
    };
    let Some((user_id, client_id, _)) = rows.into_iter().next() else { return Ok(None) };
    revocations::insert_sessions(tx, &[(id, answered_at + longest_access_ttl)], now).await?;
    let event = ending.event().about(user_id).in_session(id);
    audit::record(tx, &event, origin, now, entropy).await?;
    Ok(Some(EndedSession { id, user_id, client_id }))
}

/// Ends one branch of a session that has others; `false` if it has none, so that the session must end. No
/// revocation is written, because tokens of the other branches have the same `sid`.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_branch(
    tx: &mut Tx,
    id: SessionId,
    branch: BranchId,
    reason: EndReason,
    now: Timestamp,
) -> Result<bool, Fault> {
    hold_user_of(tx, id).await?;
    let rows = execute!(
        tx,
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE id = $3 AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM sessions o \
         WHERE coalesce(o.sid, o.id) = $4 AND o.id <> $3 AND o.revoked_at IS NULL)",
        now,
        reason.as_str(),
        branch,
        id
    )?;
    Ok(rows == 1)
}

/// Locks the user of a session until the end of `tx`, like the opening of a session does: a branch that is
/// being opened is committed first, and the next statement sees it; a later opening finds the session ended.
async fn hold_user_of(tx: &mut Tx, id: SessionId) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE users SET session_epoch = session_epoch WHERE id = (SELECT user_id FROM sessions \
         WHERE coalesce(sid, id) = $1 ORDER BY sessions.id LIMIT 1)",
        id
    )?;
    Ok(())
}

/// Ends every session that a user has through one client. The caller writes the audit event for the user's action.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_sessions_of_client(
    tx: &mut Tx,
    user: UserId,
    client_id: &str,
    reason: EndReason,
    context: &EndContext<'_>,
) -> Result<Vec<EndedSession>, Fault> {
    // For the same reason as in `hold_user_of`.
    users::hold_any(tx, user).await?;
    let rows = fetch_all!(
        tx,
        (SessionId, Timestamp),
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE user_id = $3 AND client_id = $4 AND revoked_at IS NULL \
         RETURNING coalesce(sid, id), answered_at",
        context.now,
        reason.as_str(),
        user,
        client_id
    )?;
    let sessions = latest(rows, context.longest_access_ttl);
    revocations::insert_sessions(tx, &sessions, context.now).await?;
    let ended = |(id, _)| EndedSession { id, user_id: user, client_id: client_id.to_owned() };
    Ok(sessions.into_iter().map(ended).collect())
}

/// The sessions of a user that may have valid access tokens, each with the expiry of its last one. Read with
/// the user's row locked, before the epoch is raised.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_valid_tokens(
    tx: &mut Tx,
    user: UserId,
    epoch: i64,
    context: &EndContext<'_>,
) -> Result<Vec<(SessionId, Timestamp)>, Fault> {
    let rows = fetch_all!(
        tx,
        (SessionId, Timestamp),
        "SELECT coalesce(sid, id), answered_at FROM sessions \
         WHERE user_id = $1 AND user_epoch = $2 AND revoked_at IS NULL AND answered_at > $3",
        user,
        epoch,
        context.now - context.longest_access_ttl - revocations::LEEWAY
    )?;
    Ok(latest(rows, context.longest_access_ttl))
}

fn latest(rows: Vec<(SessionId, Timestamp)>, ttl: TimeSpan) -> Vec<(SessionId, Timestamp)> {
    let mut latest = BTreeMap::new();
    for (session, answered_at) in rows {
        let until = latest.entry(session).or_insert(answered_at + ttl);
        *until = (*until).max(answered_at + ttl);
    }
    latest.into_iter().collect()
}

/// A live session of a sign-in at Signet's pages.
#[derive(Debug, Clone)]
pub struct OfBrowser {
    /// The session, for the notice to its client.
    pub session: EndedSession,
    /// Whether one of its branches continues after the user's log-out (`offline_access`).
    pub goes_on: bool,
}

/// The live sessions that belong to a sign-in.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_browser(
    link: &mut impl Link,
    browser: BrowserId,
    now: Timestamp,
) -> Result<Vec<OfBrowser>, Fault> {
    // Not LIKE, in which `_` matches any character, and which ignores case on SQLite.
    let rows = fetch_all!(
        link,
        (SessionId, UserId, String, i64),
        "SELECT coalesce(s.sid, s.id), s.user_id, s.client_id, \
         CAST(max(CASE WHEN replace(' ' || s.scope || ' ', ' offline_access ', '') \
         = ' ' || s.scope || ' ' THEN 0 ELSE 1 END) AS BIGINT) \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.browser_id = $1 \
         AND s.revoked_at IS NULL AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) AND s.expires_at > $2 \
         AND s.idle_expires_at > $2 GROUP BY coalesce(s.sid, s.id), s.user_id, s.client_id",
        browser,
        now
    )?;
    let of = |(id, user_id, client_id, goes_on)| OfBrowser {
        session: EndedSession { id, user_id, client_id },
        goes_on: goes_on == 1,
    };
    Ok(rows.into_iter().map(of).collect())
}

/// Ends the branches of a continuing session without `offline_access`. No revocation is written, because the
/// session has not ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_online_branches(
    tx: &mut Tx,
    id: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, Fault> {
    execute!(
        tx,
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE coalesce(sid, id) = $3 AND revoked_at IS NULL \
         AND replace(' ' || scope || ' ', ' offline_access ', '') = ' ' || scope || ' '",
        now,
        reason.as_str(),
        id
    )
}

/// The next live sessions, in the order of their ids, that a user had through registered clients in the
/// epoch `epoch`.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_epoch(
    link: &mut impl Link,
    user: UserId,
    of: EpochPage,
) -> Result<Vec<EndedSession>, Fault> {
    fetch_all!(
        link,
        EndedSession,
        "SELECT DISTINCT coalesce(sid, id) AS id, user_id, client_id FROM sessions \
         WHERE user_id = $1 AND user_epoch = $2 AND coalesce(sid, id) > $3 \
         AND grant_type IS NOT NULL AND revoked_at IS NULL AND expires_at > $4 \
         AND idle_expires_at > $4 ORDER BY coalesce(sid, id) LIMIT $5",
        user,
        of.epoch,
        of.after,
        of.at,
        of.limit
    )
}

/// A page of the sessions of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct EpochPage {
    /// The user's session epoch.
    pub epoch: i64,
    /// The last session of the previous page.
    pub after: SessionId,
    /// The time at which they must have been active.
    pub at: Timestamp,
    /// The maximum number.
    pub limit: i64,
}
