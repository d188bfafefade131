//! SQLite: one connection that writes, a few that read, and the write-ahead log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::Db;
use super::last_write::LastWrite;
use crate::base::Deadlines;
use crate::domain::outcome::Fault;
use crate::metrics::DbMetrics;
use crate::store::error::failed;

/// The oldest supported SQLite: earlier versions can corrupt a database when the WAL is reset.
const MIN_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Connections for reading a SQLite database; each is a thread.
const SQLITE_READERS: u32 = 4;

/// The connections to a SQLite file: one writes, the others read.
#[derive(Clone)]
pub struct SqliteDb {
    pub(super) write: SqlitePool,
    pub(super) read: SqlitePool,
    pub(super) deadlines: Deadlines,
    pub(super) last_write: LastWrite,
    pub(super) metrics: Arc<DbMetrics>,
    pub(super) path: PathBuf,
}

impl SqliteDb {
    /// Whether everything in the write-ahead log is also in the file.
    fn has_empty_log(&self) -> bool {
        std::fs::metadata(self.log_path()).map_or(0, |facts| facts.len()) == 0
    }

    /// Where the database file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the write-ahead log is.
    pub(super) fn log_path(&self) -> PathBuf {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        log.into()
    }
}

/// Checkpoints what needs no wait for a reader or a writer. Returns the number of pages in the log, and how many of
/// them are in the file now.
async fn passive(conn: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    let (_busy, pages, moved): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await?;
    Ok((pages, moved))
}

impl Db {
    /// Opens the SQLite file at `path`. It must exist unless `create`.
    ///
    /// # Errors
    /// When it cannot be opened, or the library is too old to be trusted with it.
    pub async fn sqlite(path: &Path, create: bool, deadlines: Deadlines) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(deadlines.lock())
            .foreign_keys(true)
            .pragma("trusted_schema", "OFF")
            .pragma("temp_store", "MEMORY")
            // A checkpoint inside a commit would delay that commit; `checkpoint` runs separately.
            .pragma("wal_autocheckpoint", "0")
            // The space of a log that a long reader has made large is freed when the log restarts.
            .pragma("journal_size_limit", "67108864")
            // Large enough for a whole list, so that the thread of the connection does not wait for the task that
            // reads its rows.
            .row_buffer_size(1024)
            .disable_statement_logging();
        let write = PoolOptions::new()
            .max_connections(1)
            .acquire_timeout(deadlines.write())
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // A failed COMMIT (full disk, I/O error) has already rolled back, but sqlx still counts the transaction
            // as open and would refuse every later one on this connection.
            .after_release(|conn: &mut SqliteConnection, _| {
                let sound = !conn.is_in_transaction();
                Box::pin(async move { Ok(sound) })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed("opening the database"))?;
        let read = PoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(deadlines.write())
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let (last_write, metrics) = (LastWrite::default(), Arc::default());
        let path = path.to_owned();
        let db = Self::Sqlite(SqliteDb { write, read, deadlines, last_write, metrics, path });
        db.assert_sqlite_version().await?;
        Ok(db)
    }

    /// Checkpoints the write-ahead log on a separate connection, so that no request waits for it.
    ///
    /// Concurrent commits are left, so under a steady load the log would grow forever. Once it is long, the
    /// writer's connection checkpoints these few pages between two transactions, and the next transaction restarts
    /// the log in place. The alternatives, RESTART and TRUNCATE from another connection, make the writer poll for
    /// its lock, up to 50 ms at a time, and a truncated file changes the file system's metadata with each commit
    /// that extends it.
    ///
    /// # Errors
    /// When the database cannot be reached. A busy log is not an error.
    pub async fn checkpoint(&self) -> Result<(), Fault> {
        /// In pages; 16 MiB. A longer log only slows down a start after a crash.
        const LONG: i64 = 4096;
        let Self::Sqlite(db) = self else { return Ok(()) };
        if db.has_empty_log() {
            return Ok(());
        }
        let mut conn = db.read.acquire().await.map_err(failed("checkpointing"))?;
        // `query_only` would prevent it. No other statement runs on this connection at this time.
        let outcome = async {
            conn.execute("PRAGMA query_only = OFF").await?;
            let pages = passive(&mut conn).await;
            conn.execute("PRAGMA query_only = ON").await?;
            pages
        };
        let (pages, moved) = outcome.await.map_err(failed("checkpointing"))?;
        drop(conn);
        // Pages that are still being read stay in the log, so it cannot restart, and the writer must not have to
        // checkpoint all of them when that reader is done.
        if pages > LONG && moved == pages {
            let mut conn = db.write.acquire().await.map_err(failed("checkpointing"))?;
            passive(&mut conn).await.map_err(failed("checkpointing"))?;
        }
        Ok(())
    }

    /// Checkpoints all of the write-ahead log and truncates it. It waits for all readers and writers, so it is only
    /// for the start and the shutdown.
    ///
    /// # Errors
    /// When the database cannot be reached. A busy log is not an error.
    pub async fn empty_log(&self) -> Result<(), Fault> {
        let Self::Sqlite(db) = self else { return Ok(()) };
        if db.has_empty_log() {
            return Ok(());
        }
        let mut conn = db.write.acquire().await.map_err(failed("checkpointing"))?;
        let outcome = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        outcome.map(drop).map_err(failed("checkpointing"))
    }

    /// Rewrites the file without the space of deleted rows. No other process may use it at the same time;
    /// there is no deadline. Does nothing on PostgreSQL.
    ///
    /// # Errors
    /// When another process uses it, or the disk is full.
    pub async fn compact(&self) -> Result<(), Fault> {
        let Self::Sqlite(db) = self else { return Ok(()) };
        let mut conn = db.write.acquire().await.map_err(failed("compacting"))?;
        // The copy is a temporary file, because it may not fit into memory.
        conn.execute("PRAGMA temp_store = FILE").await.map_err(failed("compacting"))?;
        let outcome = conn.execute("VACUUM").await;
        conn.execute("PRAGMA temp_store = MEMORY").await.map_err(failed("compacting"))?;
        outcome.map(drop).map_err(failed("compacting"))
    }

    async fn assert_sqlite_version(&self) -> Result<(), Fault> {
        let Self::Sqlite(db) = self else { return Ok(()) };
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&db.write)
            .await
            .map_err(failed("reading the SQLite version"))?;
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let found =
            (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < MIN_SQLITE {
            return Err(Fault::internal("this SQLite is too old to be safe").with_source(version));
        }
        Ok(())
    }
}
