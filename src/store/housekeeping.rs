//! Removing what nobody needs any more, in steps small enough to delay nobody.

use crate::base::Timestamp;
use crate::base::id::AuditId;
use crate::domain::stop::Fault;
use crate::execute;

use super::Tx;

/// Removes up to `step` sessions whose absolute life ended before `before`.
///
/// # Errors
/// When the database cannot be written.
pub async fn sessions(tx: &mut Tx, before: Timestamp, step: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM sessions WHERE id IN \
         (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)",
        before,
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

/// Removes up to `step` verifiers that have not come since `before`, and those that came once or
/// twice and not since `passers_by_before`: whoever invents names fills the list for days, not weeks.
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
        "DELETE FROM verifiers WHERE name IN \
         (SELECT name FROM verifiers WHERE last_fetch_at < $1 \
         OR (fetches < 3 AND last_fetch_at < $2) ORDER BY last_fetch_at, name LIMIT $3)",
        before,
        passers_by_before,
        step
    )
}

/// Removes counters whose window is over, networks not seen since `networks_before` and links
/// that have expired.
///
/// # Errors
/// When the database cannot be written.
pub async fn counters(
    tx: &mut Tx,
    now: Timestamp,
    networks_before: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let limits = execute!(
        tx,
        "DELETE FROM login_limits WHERE pseudonym IN \
         (SELECT pseudonym FROM login_limits WHERE ends_at < $1 ORDER BY ends_at, pseudonym \
         LIMIT $2)",
        now,
        step
    )?;
    let networks = execute!(
        tx,
        "DELETE FROM known_networks WHERE pseudonym IN \
         (SELECT pseudonym FROM known_networks WHERE seen_at < $1 ORDER BY pseudonym LIMIT $2)",
        networks_before,
        step
    )?;
    let links = execute!(tx, "DELETE FROM setup_links WHERE expires_at < $1", now)?;
    Ok(limits + networks + links)
}

/// Removes up to `step` of each thing of the provider whose time was over before `before`: codes and
/// log-ins at our pages; and before `rubbish_before`: pushed requests and ids that count once, which
/// nobody asks about afterwards. How many of whatever there was most of: less than `step` says that
/// nothing is left.
///
/// # Errors
/// When the database cannot be written.
pub async fn provider(
    tx: &mut Tx,
    before: Timestamp,
    rubbish_before: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let codes = execute!(
        tx,
        "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )?;
    let devices = execute!(
        tx,
        "DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        before,
        step
    )?;
    let pushed = execute!(
        tx,
        "DELETE FROM pushed_requests WHERE hash IN (SELECT hash FROM pushed_requests \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        rubbish_before,
        step
    )?;
    let browsers = execute!(
        tx,
        "DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions \
         WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)",
        before,
        step
    )?;
    let spent = execute!(
        tx,
        "DELETE FROM spent_ids WHERE hash IN (SELECT hash FROM spent_ids \
         WHERE expires_at < $1 ORDER BY expires_at, hash LIMIT $2)",
        rubbish_before,
        step
    )?;
    Ok(codes.max(devices).max(pushed).max(browsers).max(spent))
}
