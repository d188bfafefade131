//! The servers that run on a database, for a command that opens no [`App`](crate::app::App).

use crate::config::{Config, Database};
use crate::domain::process_settings::Difference;
use crate::store::error::is_undefined_table;

use super::OpenError;
use super::connect::connect;
use super::first_start::size;
use crate::app::process;

/// The settings in which the servers on this database have differed for long enough to count. Empty on SQLite,
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
        match process::differing_settings(&db, now).await {
            // The schema of another version that has not been migrated.
            Err(fault) if is_undefined_table(&fault) => Ok(Vec::new()),
            found => Ok(found?),
        }
    };
    let found = found.await;
    db.close().await;
    found
}

/// Whether there is no database yet, judging by files. Only SQLite keeps its database in a file.
#[must_use]
pub fn is_new_installation(config: &Config) -> bool {
    matches!(&config.database, Database::Sqlite(path) if size(path) == 0)
}
