//! The servers that run on a database, for a command that serves nothing and opens no [`App`](crate::app::App).

use crate::config::{Config, Database};
use crate::domain::process_settings::{DEAD_AFTER, Difference, lasting_differences};
use crate::store::processes;

use super::OpenError;
use super::connect::connect;
use crate::app::process::comparable;

/// The settings in which the servers on this database have differed for long enough to count. None on SQLite,
/// where there is one server, and on a database that no server of this version has migrated yet.
///
/// # Errors
/// When the database cannot be reached.
pub async fn differing_settings(config: &Config) -> Result<Vec<Difference>, OpenError> {
    if matches!(config.database, Database::Sqlite(_)) {
        return Ok(Vec::new());
    }
    let db = connect(config).await?;
    let found = async {
        let Some(now) = db.time().await? else { return Ok(Vec::new()) };
        // A database of another version has no such table: there is nothing to compare yet.
        let running = processes::running(&mut db.reader().await?, now, DEAD_AFTER).await;
        let running: Vec<_> = running.unwrap_or_default().into_iter().map(comparable).collect();
        Ok(lasting_differences(&running, now))
    };
    let found = found.await;
    db.close().await;
    found
}
