//! Jobs that run on a schedule, in one process at a time.

use crate::base::Timestamp;
use crate::base::id::ProcessId;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// When a job ran. All values are `None` for one that never did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct JobRuns {
    /// When it was first tried.
    pub tried_since: Option<Timestamp>,
    /// When it last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed, if it has not succeeded since.
    pub failed_at: Option<Timestamp>,
}

/// When a job ran.
///
/// # Errors
/// When the database cannot be read.
pub async fn runs(link: &mut impl Link, name: &str) -> Result<JobRuns, Fault> {
    let row = fetch_optional!(
        link,
        JobRuns,
        "SELECT tried_since, succeeded_at, failed_at FROM scheduled_jobs WHERE name = $1",
        name
    )?;
    Ok(row.unwrap_or_default())
}

/// Takes the lease on a job until `until`. False while it is taken, by whatever process. A lease that ends twice as
/// far in the future was written by a clock that was wrong, and does not count.
///
/// # Errors
/// When the database cannot be written.
pub async fn take(
    tx: &mut Tx,
    name: &str,
    holder: ProcessId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO scheduled_jobs (name, holder, held_until, tried_since) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until, \
         tried_since = coalesce(scheduled_jobs.tried_since, excluded.tried_since) \
         WHERE scheduled_jobs.holder IS NULL OR scheduled_jobs.held_until <= $4 \
         OR scheduled_jobs.held_until > $5",
        name,
        holder,
        until,
        now,
        until + (until - now)
    )?;
    Ok(rows == 1)
}

/// Extends the lease of `holder` until `until`. False if another process has it, which happens after it has expired.
///
/// # Errors
/// When the database cannot be written.
pub async fn extend(
    tx: &mut Tx,
    name: &str,
    holder: ProcessId,
    until: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE scheduled_jobs SET held_until = $3 WHERE name = $1 AND holder = $2",
        name,
        holder,
        until
    )?;
    Ok(rows == 1)
}

/// Gives the lease back. Does nothing if another process has it.
///
/// # Errors
/// When the database cannot be written.
pub async fn release(tx: &mut Tx, name: &str, holder: ProcessId) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE scheduled_jobs SET holder = NULL, held_until = NULL WHERE name = $1 AND holder = $2",
        name,
        holder
    )?;
    Ok(())
}

/// Notes that a job has succeeded, whichever process ran it.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_success(tx: &mut Tx, name: &str, at: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO scheduled_jobs (name, succeeded_at) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET succeeded_at = excluded.succeeded_at, failed_at = NULL",
        name,
        at
    )?;
    Ok(())
}

/// Notes that a job has failed.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_failure(tx: &mut Tx, name: &str, at: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO scheduled_jobs (name, failed_at) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at",
        name,
        at
    )?;
    Ok(())
}
