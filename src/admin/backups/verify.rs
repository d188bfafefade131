//! Proving a backup, or a whole database, without changing it.

use std::path::Path;
use std::sync::Arc;

use crate::app::startup::{self, create_directory};
use crate::base::{Clock as _, SystemClock};
use crate::config::{Config, Database};
use crate::crypto::age::Identity;

use super::opened::Opened;
use super::proof::{self, Proof, prove};
use super::room::{self, Watch};
use super::workplace::Workplace;
use super::{BackupError, copies};

/// Proves a backup on this machine.
///
/// # Errors
/// When it cannot be read, is sealed for others, or is not proven.
pub async fn verify(
    config: &Config,
    file: &Path,
    identity: Option<&Identity>,
) -> Result<Proof, BackupError> {
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    // A backup may be where nothing can be written.
    let work = Workplace::within(beside.unwrap_or(Path::new(".")))
        .or_else(|_| Workplace::within(&std::env::temp_dir()))
        .map_err(|error| BackupError::of_file("writing beside", file, &error))?;
    let opened = Opened::of(file, identity, &work)?;
    let scratch = work
        .subdirectory("proof")
        .map_err(|error| BackupError::of_file("writing to", work.path(), &error))?;
    prove(config, Arc::new(SystemClock), opened.plain(), &opened.shown, &scratch).await
}

/// Proves a database that was restored in another way, from a snapshot or to a point in time: copies it into the directory
/// of backups, proves the copy and removes it.
///
/// # Errors
/// When it cannot be reached, has another schema, there is no room, or the copy is not proven.
pub async fn verify_database(config: &Config, database: Database) -> Result<Proof, BackupError> {
    let to = &config.backups.directory;
    let in_directory = |error| BackupError::of_file("writing to", to, &error);
    let at = Config { database, ..config.clone() };
    let db = startup::connect(&at).await?;
    let copied = async {
        proof::check_schema(&db, "the database").await?;
        create_directory(to).map_err(in_directory)?;
        room::require(&db, &at.database, to).await?;
        let work = Workplace::within(to).map_err(in_directory)?;
        let copy = work.file().map_err(in_directory)?;
        let watch = Watch::new(None, &at.database, to);
        copies::make(&db, copy.path(), SystemClock.now(), watch).await?;
        Ok::<_, BackupError>((work, copy))
    };
    let copied = copied.await;
    db.close().await;
    let (work, copy) = copied?;
    let scratch = work.subdirectory("proof").map_err(in_directory)?;
    prove(config, Arc::new(SystemClock), copy.path(), "the database", &scratch).await
}
