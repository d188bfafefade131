//! Connects to the configured database, and explains why it cannot be reached.
//!
//! Owns the distinction between a temporary failure and one that the operator must repair. `schema`, `master_key`
//! and `first_start` check the contents.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Config, Database};
use crate::store::Db;

use super::data_dir;
use super::error::OpenError;
use super::explain::{unreachable, unusable};

/// The first and the longest pause between two attempts to reach a server.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Waits for an unreachable PostgreSQL server for the configured time, and logs it. A permanent failure ends the
/// wait at once. SQLite needs no wait.
///
/// # Errors
/// The refusal that [`connect`] would return.
pub async fn wait_for_database(config: &Config) -> Result<(), OpenError> {
    let Database::Postgres(url) = &config.database else { return Ok(()) };
    let give_up = Instant::now() + config.database_wait.std();
    let mut pause = PAUSES.0;
    let mut told = false;
    loop {
        let Err(fault) = Db::try_postgres(url.expose(), config.deadlines).await else {
            if told {
                tracing::info!("PostgreSQL can be reached now");
            }
            return Ok(());
        };
        let error = unreachable(url.expose(), fault);
        let left = give_up.saturating_duration_since(Instant::now());
        if !matches!(error, OpenError::TryAgain(_)) || left.is_zero() {
            return Err(error);
        }
        if !told {
            told = true;
            let seconds = left.as_secs();
            tracing::warn!(
                %error,
                "waiting for PostgreSQL, {seconds} s at most (SIGNET_DATABASE_WAIT)"
            );
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Connects to an existing database.
///
/// # Errors
/// When it does not exist or cannot be used, with what was found and what to do.
pub async fn connect(config: &Config) -> Result<Db, OpenError> {
    let path = match &config.database {
        Database::Postgres(url) => {
            return Db::postgres(url.expose(), config.database_connections, config.deadlines)
                .await
                .map_err(|fault| unreachable(url.expose(), fault));
        }
        Database::Sqlite(path) => path,
    };
    if !path.exists() {
        return Err(OpenError::Configuration(format!(
            "there is no database at {}.\n  Only `signet serve` and `signet dev` create one. Run this where the \
             server runs, or set SIGNET_DATA_DIR to its data directory.",
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
        // A shorter file is either empty, which is a new database, or refused by SQLite. SQLite also reports an
        // unreadable file.
        Err(_) => Ok(()),
        Ok(()) if found == *MAGIC => Ok(()),
        Ok(()) => Err(OpenError::Configuration(format!(
            "the database {} is damaged or is not a SQLite database: its first page is invalid.\n  \
             Stop every signet that uses it and restore the newest backup.",
            path.display()
        ))),
    }
}

/// The same, creating an empty SQLite file if there is none. True when it was created.
///
/// # Errors
/// As [`connect`].
pub(in crate::app) async fn connect_or_create(config: &Config) -> Result<(Db, bool), OpenError> {
    let made = match &config.database {
        Database::Postgres(_) => false,
        Database::Sqlite(path) => data_dir::create_database(path).map_err(|error| {
            OpenError::of_file(
                &format!("the database {} cannot be created", path.display()),
                &error,
                "Check the directory, or name another file in SIGNET_DATABASE_URL.",
            )
        })?,
    };
    Ok((connect(config).await?, made))
}
