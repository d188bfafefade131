//! Data that must be removed from a database after it was restored from a backup.

use crate::domain::outcome::Fault;
use crate::execute;

use super::Tx;

/// By how much the cache version is raised: more than the lost database can have raised it since the backup.
const CACHE_VERSIONS: i64 = 1_000;

/// Removes data that waits for a user or for delivery, and counters of attempts: codes, pending requests, mail. All of
/// it has been answered or has expired since the backup.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete_pending(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM authorization_codes")?;
    execute!(tx, "DELETE FROM device_codes")?;
    execute!(tx, "DELETE FROM pushed_requests")?;
    execute!(tx, "DELETE FROM mailed_codes")?;
    execute!(tx, "DELETE FROM mails")?;
    execute!(tx, "DELETE FROM login_limits")?;
    execute!(tx, "DELETE FROM setup_links")?;
    Ok(())
}

/// Raises the cache version.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise_cache_version(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "UPDATE cache_version SET version = version + $1 WHERE id = 1", CACHE_VERSIONS)?;
    Ok(())
}
