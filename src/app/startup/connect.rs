//! Reaching the database the settings name, and saying what is wrong when it cannot be reached.
//!
//! Owns the difference between a database that somebody else holds just now and one that has to be
//! put right first. What is in it is judged by `schema` and `master_key`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::config::{Config, Database};
use crate::domain::outcome::Fault;
use crate::store::Db;

use super::data_dir;
use super::error::OpenError;

/// Connects to a database that is there.
///
/// # Errors
/// When it is not, or cannot be used; the text says what was found and what to type.
pub async fn connect(config: &Config) -> Result<Db, OpenError> {
    let path = match &config.database {
        Database::Postgres(url) => {
            return Db::postgres(url.expose(), config.deadlines).await.map_err(|fault| {
                OpenError::Configuration(format!(
                    "the PostgreSQL database in SIGNET_DATABASE_URL cannot be used: {fault}.\n  \
                     Check host, port, database name and password, and that the server is running."
                ))
            });
        }
        Database::Sqlite(path) => path,
    };
    if !path.exists() {
        return Err(OpenError::Configuration(format!(
            "there is no database at {}.\n  Only `signet serve` and `signet dev` make one. Run \
             this where the server runs, or set SIGNET_DATA_DIR to its data directory.",
            path.display()
        )));
    }
    refuse_damaged_header(path)?;
    Db::sqlite(path, false, config.deadlines).await.map_err(|fault| unusable(path, &fault))
}

/// Refuses a file that does not begin as every SQLite database does, before SQLite opens it: when the
/// last connection to a database closes, SQLite moves the write-ahead log into the file, and a refused
/// start must leave the files as they were.
fn refuse_damaged_header(path: &Path) -> Result<(), OpenError> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut found = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut found));
    match read {
        // Shorter: an empty file is a new database, and SQLite itself refuses the rest. Unreadable:
        // SQLite says why.
        Err(_) => Ok(()),
        Ok(()) if found == *MAGIC => Ok(()),
        Ok(()) => Err(OpenError::Configuration(format!(
            "the database {} is damaged or is no SQLite database: its first page is not SQLite's.\n  \
             Stop every signet that uses it and restore the newest backup.",
            path.display()
        ))),
    }
}

/// The same, making an empty SQLite file where there is none. True when it was made.
///
/// # Errors
/// As [`connect`].
pub(in crate::app) async fn connect_or_create(config: &Config) -> Result<(Db, bool), OpenError> {
    let made = match &config.database {
        Database::Postgres(_) => false,
        Database::Sqlite(path) => {
            refuse_remains(path, config)?;
            data_dir::create_database(path).map_err(|error| {
                OpenError::Configuration(format!(
                    "the database {} cannot be made: {error}.\n  Check the directory, or name \
                     another file in SIGNET_DATABASE_URL.",
                    path.display()
                ))
            })?
        }
    };
    Ok((connect(config).await?, made))
}

/// Refuses what is left of a database. SQLite takes a file without a byte for a new database and throws
/// the write-ahead log beside it away; a server would go on with no users and other keys. A first start
/// that was cut off leaves neither a log nor a master key beside an empty file: SQLite writes the first
/// page before there is either.
fn refuse_remains(path: &Path, config: &Config) -> Result<(), OpenError> {
    let size = |path: &Path| path.metadata().map_or(0, |facts| facts.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = Path::new(&log);
    let key = data_dir::master_key_path(&config.data_dir);
    let beside = if size(path) > 0 {
        return Ok(());
    } else if size(log) > 0 {
        log
    } else if path.exists() && key.exists() {
        &key
    } else {
        return Ok(());
    };
    Err(OpenError::Configuration(format!(
        "the database {} is {}, but {} is there.\n  Restore the newest backup. To begin anew instead, \
         remove the database's files.",
        path.display(),
        if path.exists() { "empty" } else { "missing" },
        beside.display()
    )))
}

/// Why a SQLite file cannot be used.
pub(in crate::app) fn unusable(path: &Path, fault: &Fault) -> OpenError {
    let text = fault.to_string();
    if text.contains("locked") || text.contains("busy") {
        return OpenError::TryAgain(format!(
            "the database {} is locked by another process.\n  Try again when it is done.",
            path.display()
        ));
    }
    if text.contains("disk is full") {
        return OpenError::Configuration(format!(
            "the database {} cannot be written: its disk is full.\n  Make room and start again; \
             nothing is lost.",
            path.display()
        ));
    }
    OpenError::Configuration(format!(
        "the database {} cannot be opened: {text}.\n  If it is damaged, stop every signet and \
         restore the newest backup.",
        path.display()
    ))
}
