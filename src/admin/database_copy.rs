//! Copying a database from SQLite to PostgreSQL or back, and verifying that the copy has the same rows.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::app::startup::{self, OpenError, create_directory, lock_out};
use crate::config::{Config, Database};
use crate::domain::outcome::Fault;
use crate::domain::pagination::PageRequest;
use crate::domain::process_settings::DEAD_AFTER;
use crate::store::error::is_undefined_table;
use crate::store::table_copy::Copier;
use crate::store::{Db, keys, migrate, processes, users};

use super::backups::copies::require_current_schema;
use super::backups::table_digests::TableDigests;
use super::backups::{BackupError, Workplace, owner, refuse_backup};

/// The table of running servers, which belong to one database.
const PROCESSES: &str = "processes";
/// Tables that have rows in every database on which a server was started.
const EMPTY_IF_NEW: &[&str] = &["users", "signing_keys"];

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseCopy {
    /// How many tables.
    pub tables: usize,
    /// How many rows in all.
    pub rows: i64,
}

/// Copies everything from one database into another, which must be new, with sessions. Both have the same rows
/// afterwards, or the second is as it was.
///
/// # Errors
/// When a server works on either, the first has another schema, the second is in use, or the copy differs.
pub async fn copy(
    config: &Config,
    from: &Database,
    to: &Database,
) -> Result<DatabaseCopy, BackupError> {
    let _lock = lock(config, from)?;
    let source = open(config, from).await?;
    let copied = async {
        require_current_schema(&source, "the database to copy").await?;
        require_unserved(&source, "the database to copy").await?;
        match to {
            Database::Sqlite(path) => into_file(config, &source, path).await,
            Database::Postgres(_) => {
                let target = open(config, to).await?;
                let copied = into_server(&source, &target).await;
                target.close().await;
                copied
            }
        }
    };
    let copied = copied.await;
    source.close().await;
    copied
}

/// Keeps servers off a SQLite database while it is copied.
fn lock(config: &Config, from: &Database) -> Result<Option<File>, BackupError> {
    let Database::Sqlite(path) = from else { return Ok(None) };
    let mut config = config.clone();
    if !matches!(&config.database, Database::Sqlite(own) if own == path) {
        config.data_dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        // A file elsewhere, such as a backup: no server has ever been started on it.
        if !config.data_dir.join("serve.lock").exists() {
            return Ok(None);
        }
    }
    Ok(Some(lock_out(&config, "a database is not copied while it is served")?))
}

async fn open(config: &Config, database: &Database) -> Result<Db, BackupError> {
    if let Database::Sqlite(path) = database {
        refuse_backup(path).await?;
    }
    let config = Config { database: database.clone(), ..config.clone() };
    Ok(startup::connect(&config).await?)
}

/// Refuses a database on which servers run. They are seen by their heartbeats.
async fn require_unserved(db: &Db, what: &str) -> Result<(), BackupError> {
    let Some(now) = db.time().await? else { return Ok(()) };
    let running = processes::running(&mut db.reader().await?, now, DEAD_AFTER).await?;
    let Some(process) = running.first() else { return Ok(()) };
    Err(BackupError::Open(OpenError::TryAgain(format!(
        "{} serves {what}.\n  Stop every server on it first. One that was killed is forgotten after a minute.",
        process.name
    ))))
}

async fn into_file(config: &Config, source: &Db, path: &Path) -> Result<DatabaseCopy, BackupError> {
    for ending in ["", "-wal", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let beside = PathBuf::from(beside);
        if beside.exists() {
            return Err(in_use(&beside.display().to_string()));
        }
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let writing = |error: io::Error| {
        let what = format!("writing to {} failed", directory.display());
        let advice = "Check that the user signet runs as may write there.";
        BackupError::Open(OpenError::of_file(&what, &error, advice))
    };
    create_directory(directory).map_err(writing)?;
    // Under another name until it is whole. Its log is gone when it is closed.
    let work = Workplace::within(directory).map_err(writing)?;
    let file = work.file().map_err(writing)?;
    let target = Db::sqlite(file.path(), false, config.deadlines).await?;
    let migrated = migrate::up(&target).await;
    target.close().await;
    migrated?;
    let digests = transfer(source, Copier::writing_file(file.path()).await?).await?;
    compare(&digests, &TableDigests::of_file(file.path()).await?)?;
    owner::copy_owner(file.path(), directory).map_err(writing)?;
    file.as_file().sync_all().map_err(writing)?;
    file.persist_noclobber(path).map_err(|error| writing(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(writing)?;
    Ok(DatabaseCopy { tables: digests.tables(), rows: digests.all_rows() })
}

async fn into_server(source: &Db, target: &Db) -> Result<DatabaseCopy, BackupError> {
    require_unserved_if_migrated(target).await?;
    // A database that is in use is not migrated: its server may be of another version.
    let status = migrate::status(target).await?;
    if status.applied > 0 && !(status.is_current() && is_new(target).await?) {
        return Err(in_use("the PostgreSQL database"));
    }
    migrate::up(target).await?;
    let mut into = Copier::writing(target).await?;
    // Until the end of the copy no server can write to it.
    if !into.lock_empty(EMPTY_IF_NEW).await? {
        into.discard().await;
        return Err(in_use("the PostgreSQL database"));
    }
    let digests = transfer(source, into).await?;
    Ok(DatabaseCopy { tables: digests.tables(), rows: digests.all_rows() })
}

async fn require_unserved_if_migrated(target: &Db) -> Result<(), BackupError> {
    match require_unserved(target, "the database to copy to").await {
        Err(BackupError::Open(OpenError::Failed(fault))) if is_undefined_table(&fault) => Ok(()),
        outcome => outcome,
    }
}

/// Whether no server has ever been started on a database.
async fn is_new(db: &Db) -> Result<bool, Fault> {
    let mut reader = db.reader().await?;
    let request = PageRequest { after: None, limit: 1 };
    let has_no_keys = keys::signing_keys(&mut reader).await?.is_empty();
    Ok(has_no_keys && users::page(&mut reader, request).await?.data.is_empty())
}

fn in_use(what: &str) -> BackupError {
    BackupError::Open(OpenError::Conflict(format!(
        "{what} is in use.\n  A database is copied into a new one: name a file that does not exist, or a PostgreSQL database \
         on which no server has been started."
    )))
}

/// Copies every table for good, or takes everything back.
async fn transfer(source: &Db, mut to: Copier) -> Result<TableDigests, BackupError> {
    match fill(source, &mut to).await {
        Ok(digests) => {
            to.commit().await?;
            Ok(digests)
        }
        Err(error) => {
            to.discard().await;
            Err(error)
        }
    }
}

/// Copies every table, and compares what was read with what `to` holds.
async fn fill(source: &Db, to: &mut Copier) -> Result<TableDigests, BackupError> {
    let mut from = Copier::reading(source).await?;
    let mut read = TableDigests::default();
    let tables = from.copy_all(to, &[PROCESSES], &mut read).await?;
    from.discard().await;
    compare(&read, &TableDigests::of_tables(to, &tables).await?)?;
    Ok(read)
}

fn compare(read: &TableDigests, found: &TableDigests) -> Result<(), BackupError> {
    match read.difference(found) {
        None => Ok(()),
        Some(difference) => Err(BackupError::Unusable(format!(
            "the copy is not what was read: {difference}.\n  Nothing was kept of it. Check the new database for triggers \
             and rules, and its disk."
        ))),
    }
}
