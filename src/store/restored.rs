//! What a database that was brought back from a backup must forget.

use crate::domain::outcome::Fault;
use crate::execute;

use super::Tx;

/// How far the version of what processes cache jumps: further than the lost database can have counted since the backup.
const CACHE_VERSIONS: i64 = 1_000;

/// Removes what waits for an answer of a user or for delivery, and what attempts were counted: codes, requests that are
/// under way, mail. All of it was answered, or has expired, since.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget_what_waits(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM authorization_codes")?;
    execute!(tx, "DELETE FROM device_codes")?;
    execute!(tx, "DELETE FROM pushed_requests")?;
    execute!(tx, "DELETE FROM mailed_codes")?;
    execute!(tx, "DELETE FROM mails")?;
    execute!(tx, "DELETE FROM login_limits")?;
    Ok(())
}

/// Raises the version of what processes cache.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise_cache_version(tx: &mut Tx) -> Result<(), Fault> {
    execute!(tx, "UPDATE cache_version SET version = version + $1 WHERE id = 1", CACHE_VERSIONS)?;
    Ok(())
}
