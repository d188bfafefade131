//! A backup as a file: copying a SQLite database while it is served, and looking into the copy.
//!
//! Owns what stands in the table `backup_manifest`, which only copies have.

mod comparison;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::base::Timestamp;
use crate::domain::outcome::Fault;

use super::Db;
use super::error::failed;

pub use comparison::Comparison;

/// After how many instructions of SQLite's virtual machine a copy is asked whether it goes on: some milliseconds.
const INSTRUCTIONS: i32 = 100_000;
/// The most findings of a check that are named.
const FINDINGS: usize = 10;

/// What a copy says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the binary that made it.
    pub version: String,
    /// The version of its schema.
    pub schema: i64,
    /// When it was made.
    pub at: Timestamp,
    /// The number of rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// A digest of the rows of each table.
    pub digests: BTreeMap<String, String>,
    /// The names of the signing keys.
    pub keys: Vec<String>,
}

/// Copies a SQLite database into the empty file at `to`, as it is at one moment, and syncs the copy. The server goes on
/// writing; its log cannot begin anew until the copy is made. `may_continue` is asked now and then, and ends the copy with
/// `false`.
///
/// # Errors
/// When there is no room, either file cannot be used, or it was ended; PostgreSQL databases are not copied in this way.
pub async fn snapshot(
    db: &Db,
    to: &Path,
    may_continue: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Fault> {
    const DOING: &str = "copying the database";
    let lock_wait = db.deadlines().lock();
    let Db::Sqlite(db) = db else { return Err(Fault::internal("only SQLite copies itself")) };
    // A connection of its own: the pools have deadlines, and a copy takes as long as it takes.
    let options = SqliteConnectOptions::new()
        .filename(db.path())
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(lock_wait)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    let mut conn = options.connect().await.map_err(failed(DOING))?;
    conn.lock_handle()
        .await
        .map_err(failed(DOING))?
        .set_progress_handler(INSTRUCTIONS, may_continue);
    let path = to.to_str().ok_or_else(|| Fault::internal("the path of the copy is not UTF-8"))?;
    let copied = sqlx::query("VACUUM INTO $1").bind(path).execute(&mut conn).await;
    let _ = conn.close().await;
    copied.map(drop).map_err(failed(DOING))
}

/// Moves the write-ahead log of a SQLite file that nothing has open into the file. False where a log is left beside it.
///
/// # Errors
/// When it is not a database, or cannot be written.
pub async fn fold_log(path: &Path) -> Result<bool, Fault> {
    const DOING: &str = "moving the write-ahead log into the database";
    let options = SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    let mut conn = options.connect().await.map_err(failed(DOING))?;
    let folded = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    conn.close().await.map_err(failed(DOING))?;
    folded.map_err(failed(DOING))?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Ok(std::fs::metadata(log).map_or(0, |facts| facts.len()) == 0)
}

/// A copy that is looked into.
pub struct BackupFile {
    conn: SqliteConnection,
}

impl BackupFile {
    /// Opens a copy, to read it or to write its manifest.
    ///
    /// # Errors
    /// When it is no SQLite database, or cannot be opened.
    pub async fn open(path: &Path, writes: bool) -> Result<Self, Fault> {
        const DOING: &str = "opening the copy";
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(!writes)
            .synchronous(SqliteSynchronous::Full)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        if writes {
            // Without a log beside it: a backup is one file.
            options = options.journal_mode(SqliteJournalMode::Delete);
        }
        Ok(Self { conn: options.connect().await.map_err(failed(DOING))? })
    }

    /// What is wrong with the file: broken pages and indexes, and rows that refer to rows that do not exist. Empty for a
    /// sound one; the first findings otherwise.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub async fn check(&mut self) -> Result<Vec<String>, Fault> {
        const DOING: &str = "checking the copy";
        let pages: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check(10)")
            .fetch_all(&mut self.conn)
            .await
            .map_err(failed(DOING))?;
        let pages = pages.into_iter().map(|(text,)| text).filter(|text| text != "ok");
        let mut found: Vec<String> = pages.collect();
        let references: Vec<(String, Option<i64>, String, i64)> =
            sqlx::query_as("PRAGMA foreign_key_check")
                .fetch_all(&mut self.conn)
                .await
                .map_err(failed(DOING))?;
        found.extend(references.into_iter().map(|(table, _, parent, _)| {
            format!("a row of {table} refers to a row of {parent} that does not exist")
        }));
        found.truncate(FINDINGS);
        Ok(found)
    }

    /// The names of the signing keys.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn signing_keys(&mut self) -> Result<Vec<String>, Fault> {
        let keys: Vec<(String,)> = sqlx::query_as("SELECT kid FROM signing_keys ORDER BY kid")
            .fetch_all(&mut self.conn)
            .await
            .map_err(failed("reading the keys of the copy"))?;
        Ok(keys.into_iter().map(|(kid,)| kid).collect())
    }

    /// What the copy says about itself. None where it is no backup.
    ///
    /// # Errors
    /// When it cannot be read, or says something else.
    pub async fn manifest(&mut self) -> Result<Option<Manifest>, Fault> {
        const DOING: &str = "reading the manifest of the copy";
        let exists: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'backup_manifest'",
        )
        .fetch_optional(&mut self.conn)
        .await
        .map_err(failed(DOING))?;
        if exists.is_none() {
            return Ok(None);
        }
        let (text,): (String,) = sqlx::query_as("SELECT manifest FROM backup_manifest")
            .fetch_one(&mut self.conn)
            .await
            .map_err(failed(DOING))?;
        let manifest = serde_json::from_str(&text);
        manifest.map(Some).map_err(|error| Fault::internal(DOING).with_source(error))
    }

    /// Writes what the copy says about itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write_manifest(&mut self, manifest: &Manifest) -> Result<(), Fault> {
        const DOING: &str = "writing the manifest of the copy";
        let text = serde_json::to_string(manifest)
            .map_err(|error| Fault::internal(DOING).with_source(error))?;
        let table = "CREATE TABLE backup_manifest (manifest TEXT NOT NULL) STRICT";
        self.conn.execute(table).await.map_err(failed(DOING))?;
        sqlx::query("INSERT INTO backup_manifest (manifest) VALUES ($1)")
            .bind(text)
            .execute(&mut self.conn)
            .await
            .map_err(failed(DOING))?;
        Ok(())
    }

    /// Takes the manifest out: a database that is served has none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn drop_manifest(&mut self) -> Result<(), Fault> {
        let dropped = self.conn.execute("DROP TABLE IF EXISTS backup_manifest").await;
        dropped.map(drop).map_err(failed("removing the manifest"))
    }

    /// Closes it.
    ///
    /// # Errors
    /// When what was written cannot be.
    pub async fn close(self) -> Result<(), Fault> {
        self.conn.close().await.map_err(failed("closing the copy"))
    }
}
