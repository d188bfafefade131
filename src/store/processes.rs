//! The servers that work on this database.

use crate::base::id::ProcessId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// A server process.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredProcess {
    /// Its id.
    pub id: ProcessId,
    /// Its name for operators: host and process ID.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// The newest migration of its binary.
    pub schema_known: i64,
    /// The settings that clients can notice, as a JSON object.
    pub settings: String,
    /// The clock of the database minus its own, in milliseconds.
    pub clock_offset: i64,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last wrote this.
    pub beat_at: Timestamp,
}

/// Writes a heartbeat: the whole row if it does not exist or was removed, otherwise the changed columns.
///
/// # Errors
/// When the database cannot be written.
pub async fn beat(tx: &mut Tx, process: &StoredProcess) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO processes (id, name, version, schema_known, settings, clock_offset, \
         started_at, beat_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (id) DO UPDATE SET clock_offset = excluded.clock_offset, \
         beat_at = excluded.beat_at",
        process.id,
        &process.name,
        &process.version,
        process.schema_known,
        &process.settings,
        process.clock_offset,
        process.started_at,
        process.beat_at
    )?;
    Ok(())
}

/// Removes the rows of processes whose last heartbeat is further than `life` from `now`, in either direction: one
/// in the future was written by a wrong clock. A live process writes its row again.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_dead(tx: &mut Tx, now: Timestamp, life: TimeSpan) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM processes WHERE beat_at < $1 OR beat_at > $2", now - life, now + life)
}

/// Removes the row of a process at its shutdown.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, id: ProcessId) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM processes WHERE id = $1", id)? == 1)
}

/// Every process whose last heartbeat is within `life` of `now`.
///
/// # Errors
/// When the database cannot be read.
pub async fn running(
    link: &mut impl Link,
    now: Timestamp,
    life: TimeSpan,
) -> Result<Vec<StoredProcess>, Fault> {
    fetch_all!(
        link,
        StoredProcess,
        "SELECT id, name, version, schema_known, settings, clock_offset, started_at, beat_at \
         FROM processes WHERE beat_at >= $1 AND beat_at <= $2 ORDER BY name, id",
        now - life,
        now + life
    )
}
