//! Verifying a backup, or a whole database, without changing it.

use std::path::Path;
use std::sync::Arc;

use crate::app::startup::{self, create_directory};
use crate::base::{Clock as _, SystemClock};
use crate::config::{Config, Database};
use crate::crypto::age::Identity;
use crate::store::backup_file::BackupFile;

use super::plain_backup::PlainBackup;
use super::verification::{self, Verification, verify_copy};
use super::watch::Watch;
use super::workplace::Workplace;
use super::{BackupError, copies, disk_space};

/// Verifies a backup on this machine.
///
/// # Errors
/// When it cannot be read, is sealed for others, or is refused.
pub async fn verify(
    config: &Config,
    file: &Path,
    identity: Option<&Identity>,
) -> Result<Verification, BackupError> {
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    // A backup may be where nothing can be written.
    let work = Workplace::within(beside.unwrap_or(Path::new(".")))
        .or_else(|_| Workplace::within(&std::env::temp_dir()))
        .map_err(|error| BackupError::of_file("writing beside", file, &error))?;
    let opened = PlainBackup::of(file, identity, &work)?;
    let scratch = work
        .subdirectory("verification")
        .map_err(|error| BackupError::of_file("writing to", work.path(), &error))?;
    verify_copy(config, Arc::new(SystemClock), opened.plain(), &opened.shown, &scratch).await
}

/// Refuses a backup where a database is expected: a server, or a copy of its sessions, would bypass what a restore ends, and
/// to open it as a database changes the file.
///
/// # Errors
/// When the file is a backup. One that cannot be read is left to the caller.
pub async fn refuse_backup(path: &Path) -> Result<(), BackupError> {
    let Ok(mut file) = BackupFile::open(path, false).await else { return Ok(()) };
    let manifest = file.manifest().await;
    file.close().await?;
    match manifest {
        Ok(Some(_)) => Err(BackupError::configuration(format!(
            "{} is a backup, and no database that a server works on.\n  Restore it first: signet backup restore.",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Verifies a database that was restored in another way, from a snapshot or to a point in time: copies it into the directory
/// of backups, verifies the copy and removes it.
///
/// # Errors
/// When it cannot be reached, has another schema, there is no room, or the copy is refused.
pub async fn verify_database(
    config: &Config,
    database: Database,
) -> Result<Verification, BackupError> {
    let to = &config.backups.directory;
    let in_directory = |error| BackupError::of_file("writing to", to, &error);
    if let Database::Sqlite(path) = &database {
        refuse_backup(path).await?;
    }
    let at = Config { database, ..config.clone() };
    let db = startup::connect(&at).await?;
    let copied = async {
        verification::check_schema(&db, "the database").await?;
        create_directory(to).map_err(in_directory)?;
        disk_space::require(&db, &at.database, to).await?;
        let work = Workplace::within(to).map_err(in_directory)?;
        let copy = work.file().map_err(in_directory)?;
        let watch = Watch::new(None, &at.database, to);
        copies::make(&db, copy.path(), SystemClock.now(), watch).await?;
        Ok::<_, BackupError>((work, copy))
    };
    let copied = copied.await;
    db.close().await;
    let (work, copy) = copied?;
    let scratch = work.subdirectory("verification").map_err(in_directory)?;
    verify_copy(config, Arc::new(SystemClock), copy.path(), "the database", &scratch).await
}
