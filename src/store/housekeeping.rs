//! Removes expired data: one statement for each kind, a step at a time, oldest first.
//!
//! Each finds its rows by an index and reads no others, which a test checks on both databases. `jobs` decides the
//! size of a step.

use crate::base::Timestamp;
use crate::base::id::{AuditId, BranchId, SessionId, UserId};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// A refresh branch that was removed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RemovedBranch {
    /// The session to which the branch belonged.
    pub session: SessionId,
    /// The user of the session.
    pub user_id: UserId,
    /// The `client_id` of the client through which it was opened.
    pub client_id: String,
    /// The session epoch of its user.
    pub user_epoch: i64,
    /// When it was ended, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Removes up to `step` branches of sessions whose absolute life ended before `before`.
///
/// # Errors
/// When the database cannot be written.
pub async fn sessions(
    tx: &mut Tx,
    before: Timestamp,
    step: i64,
) -> Result<Vec<RemovedBranch>, Fault> {
    fetch_all!(
        tx,
        RemovedBranch,
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
         WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2) \
         RETURNING coalesce(sid, id) AS session, user_id, client_id, user_epoch, \
         coalesce(revoked_at, (SELECT e.ended_at FROM client_session_ends e \
         WHERE e.client_id = sessions.client_id AND e.generation <> sessions.client_generation)) AS revoked_at",
        before,
        step
    )
}

/// Up to `step` sessions after `after` that were created before `until`, with their idle expiry. An index would
/// need a column that every refresh writes, so they are walked through by id, outside of a transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn walk_sessions(
    link: &mut impl Link,
    after: BranchId,
    until: BranchId,
    step: i64,
) -> Result<Vec<(BranchId, Timestamp)>, Fault> {
    fetch_all!(
        link,
        (BranchId, Timestamp),
        "SELECT id, idle_expires_at FROM sessions WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
        after,
        until,
        step
    )
}

/// Removes the sessions from `first` to `last`, inclusive, whose idle expiry is before `before`. Sessions that were
/// refreshed meanwhile stay.
///
/// # Errors
/// When the database cannot be written.
pub async fn idle_sessions(
    tx: &mut Tx,
    first: BranchId,
    last: BranchId,
    before: Timestamp,
) -> Result<Vec<RemovedBranch>, Fault> {
    fetch_all!(
        tx,
        RemovedBranch,
        "DELETE FROM sessions WHERE id >= $1 AND id <= $2 AND idle_expires_at < $3 \
         RETURNING coalesce(sid, id) AS session, user_id, client_id, user_epoch, \
         coalesce(revoked_at, (SELECT e.ended_at FROM client_session_ends e \
         WHERE e.client_id = sessions.client_id AND e.generation <> sessions.client_generation)) AS revoked_at",
        first,
        last,
        before
    )
}

/// Removes up to `step` events of expired sessions older than `before`.
///
/// # Errors
/// When the database cannot be written.
pub async fn expiry_events(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events \
         WHERE kind = 'session.expired' AND id < $1 ORDER BY id LIMIT $2)",
        AuditId::earliest(before),
        step
    )
}

/// Removes up to `step` audit events older than `before`; ids are ordered by time.
///
/// # Errors
/// When the database cannot be written.
pub async fn audit(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM audit_events WHERE id IN \
         (SELECT id FROM audit_events WHERE id < $1 ORDER BY id LIMIT $2)",
        AuditId::earliest(before),
        step
    )
}

/// Removes up to `step` verifiers that have not fetched keys since `before`, and those that did so once or twice
/// and not since `passers_by_before`, which is later, so that invented names fill the list for days, not weeks.
///
/// # Errors
/// When the database cannot be written.
pub async fn verifiers(
    tx: &mut Tx,
    before: Timestamp,
    passers_by_before: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM verifiers WHERE name IN (SELECT name FROM verifiers \
         WHERE last_fetch_at < $2 AND (fetches < 3 OR last_fetch_at < $1) \
         ORDER BY last_fetch_at, name LIMIT $3)",
        before,
        passers_by_before,
        step
    )
}

/// Removes up to `step` counters whose window has ended, or ends after `latest`, which is further away than any
/// window is long and means that a clock was ahead.
///
/// # Errors
/// When the database cannot be written.
pub async fn login_limits(
    tx: &mut Tx,
    now: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM login_limits WHERE pseudonym IN (SELECT pseudonym FROM login_limits \
         WHERE ends_at < $1 ORDER BY ends_at, pseudonym LIMIT $2)",
        now,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM login_limits WHERE pseudonym IN (SELECT pseudonym FROM login_limits \
         WHERE ends_at > $1 ORDER BY ends_at, pseudonym LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` networks not seen since `before`, or seen later than `latest`, by a clock that was ahead.
///
/// # Errors
/// When the database cannot be written.
pub async fn known_networks(
    tx: &mut Tx,
    before: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM known_networks WHERE pseudonym IN (SELECT pseudonym FROM known_networks \
         WHERE seen_at < $1 ORDER BY seen_at, pseudonym LIMIT $2)",
        before,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM known_networks WHERE pseudonym IN (SELECT pseudonym FROM known_networks \
         WHERE seen_at > $1 ORDER BY seen_at, pseudonym LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` set-up links that have expired, or expire after `latest`, which were issued by a clock that
/// was ahead and are not valid.
///
/// # Errors
/// When the database cannot be written.
pub async fn setup_links(
    tx: &mut Tx,
    now: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM setup_links WHERE hash IN (SELECT hash FROM setup_links \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        now,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM setup_links WHERE hash IN (SELECT hash FROM setup_links \
         WHERE expires_at > $1 ORDER BY expires_at, hash LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` authorization codes that expired before `before`, or end later than `latest`.
///
/// # Errors
/// When the database cannot be written.
pub async fn authorization_codes(
    tx: &mut Tx,
    before: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes \
         WHERE expires_at > $1 ORDER BY expires_at, hash LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` device codes that expired before `before`, or end later than `latest`.
///
/// # Errors
/// When the database cannot be written.
pub async fn device_codes(
    tx: &mut Tx,
    before: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes \
         WHERE expires_at > $1 ORDER BY expires_at, hash LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` pushed requests that expired before `before`, or end later than `latest`.
///
/// # Errors
/// When the database cannot be written.
pub async fn pushed_requests(
    tx: &mut Tx,
    before: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM pushed_requests WHERE hash IN (SELECT hash FROM pushed_requests \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM pushed_requests WHERE hash IN (SELECT hash FROM pushed_requests \
         WHERE expires_at > $1 ORDER BY expires_at, hash LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}

/// Removes up to `step` sign-ins at the pages that expired before `before`.
///
/// # Errors
/// When the database cannot be written.
pub async fn browser_sessions(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions \
         WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)",
        before,
        step
    )
}

/// Removes up to `step` single-use ids that expired before `before`. One that was stored by a clock that was ahead
/// stays until its expiry, because its assertion or proof becomes valid then.
///
/// # Errors
/// When the database cannot be written.
pub async fn spent_ids(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM spent_ids WHERE hash IN (SELECT hash FROM spent_ids \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )
}

/// Removes up to `step` revocations whose tokens had all expired by `before`. Like single-use ids, none is removed
/// earlier.
///
/// # Errors
/// When the database cannot be written.
pub async fn revocations(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM revocations WHERE (kind, value) IN (SELECT kind, value FROM revocations \
         WHERE until < $1 ORDER BY until, kind, value LIMIT $2)",
        before,
        step
    )
}

/// Removes up to `step` reservations of former login names that have ended, or end later than `latest`.
///
/// # Errors
/// When the database cannot be written.
pub async fn former_logins(
    tx: &mut Tx,
    now: Timestamp,
    latest: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let ended = execute!(
        tx,
        "DELETE FROM former_logins WHERE login_key IN (SELECT login_key FROM former_logins \
         WHERE ends_at < $1 ORDER BY ends_at, login_key LIMIT $2)",
        now,
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM former_logins WHERE login_key IN (SELECT login_key FROM former_logins \
         WHERE ends_at > $1 ORDER BY ends_at, login_key LIMIT $2)",
        latest,
        step - i64::try_from(ended).unwrap_or(step)
    )?;
    Ok(ended + ahead)
}
