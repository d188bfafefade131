//! The seam between the two databases: pools, transactions, and the macros that run a statement.
//!
//! Owns connections and how long anybody waits for one. The SQL is written once, with `$n`, at the
//! place that means it; only this file knows that there are two drivers.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Postgres, Sqlite, Transaction};
use tokio::time::Instant;

use crate::domain::outcome::{Failure, Fault};

use super::fault::{failed, is_cut};

/// How long a write waits in all, for the queue and for the database, before it is a 503.
pub const WRITE_WAIT: Duration = Duration::from_secs(2);

/// How long taking work back may take once its time is up.
const ROLLBACK_WAIT: Duration = Duration::from_millis(200);

/// How long saying goodbye to a PostgreSQL server may take.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

/// How long SQLite itself waits for another process's lock: less than [`WRITE_WAIT`], so that the
/// connection is free again when the caller has been told.
const BUSY_WAIT: Duration = Duration::from_millis(1_500);

/// The oldest SQLite that is safe: earlier ones can corrupt a database when the WAL is reset.
const MIN_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Connections for reading a SQLite database; each is a thread.
const SQLITE_READERS: u32 = 4;
/// How long a connection may lie unused before it is asked whether it still works.
const RESTED: Duration = Duration::from_secs(1);
/// Connections to a PostgreSQL database; more brought nothing on two cores.
const PG_CONNECTIONS: u32 = 16;

/// A database.
#[derive(Clone)]
pub enum Db {
    /// One file.
    Sqlite(SqliteDb),
    /// A server.
    Postgres(PgPool),
}

/// The connections to a SQLite file: one writes, the others read.
#[derive(Clone)]
pub struct SqliteDb {
    write: SqlitePool,
    read: SqlitePool,
    path: PathBuf,
}

impl SqliteDb {
    /// Whether there is nothing in the write-ahead log that is not in the file.
    fn has_empty_log(&self) -> bool {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        std::fs::metadata(wal).map_or(0, |facts| facts.len()) == 0
    }
}

/// Moves what can be moved without waiting for anybody: how many pages the log had at the beginning, and
/// how many of them are in the file now.
async fn passive(conn: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    let (_busy, pages, moved): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await?;
    Ok((pages, moved))
}

/// A unit of work on either database. All of it, with the wait for its beginning and the commit, has
/// to fit into the patience it was begun with; what does not is a fault, and rolled back.
pub struct Tx {
    begun: Begun,
    deadline: Instant,
}

enum Begun {
    /// On SQLite; holds the only write connection.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// A connection for statements that stand alone.
pub enum Reader {
    /// To SQLite, read only.
    Sqlite(PoolConnection<Sqlite>),
    /// To PostgreSQL.
    Postgres(PoolConnection<Postgres>),
}

/// A borrowed connection of either driver; what the statement macros match on.
pub enum Conn<'c> {
    /// SQLite's.
    Sqlite(&'c mut SqliteConnection),
    /// PostgreSQL's.
    Postgres(&'c mut PgConnection),
}

/// Anything a statement can be run on.
pub trait Link: Send {
    /// The connection.
    fn conn(&mut self) -> Conn<'_>;
    /// When a statement that begins now must have ended.
    fn deadline(&self) -> Instant;
}

impl Link for Tx {
    fn conn(&mut self) -> Conn<'_> {
        match &mut self.begun {
            Begun::Sqlite(tx) => Conn::Sqlite(&mut *tx),
            Begun::Postgres(tx) => Conn::Postgres(&mut *tx),
        }
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Link for Reader {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn) => Conn::Sqlite(&mut *conn),
            Self::Postgres(conn) => Conn::Postgres(&mut *conn),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + WRITE_WAIT
    }
}

tokio::task_local! {
    /// Statements run so far by the unit of work that counts them.
    static STATEMENTS: std::cell::Cell<u32>;
}

/// Runs `work` and counts the statements it asks the database for; beginning and committing are not
/// among them. What `work` hands to another task is not seen.
pub async fn counted<T>(work: impl Future<Output = T>) -> (T, u32) {
    STATEMENTS
        .scope(std::cell::Cell::new(0), async {
            let done = work.await;
            (done, STATEMENTS.with(std::cell::Cell::get))
        })
        .await
}

/// Counts one statement, where anybody counts.
pub fn count_statement() {
    let _ = STATEMENTS.try_with(|count| count.set(count.get() + 1));
}

/// Waits for `work` until `deadline`. A database that is frozen, or a network that swallows, says
/// nothing at all: without this its callers would wait for as long as it likes.
///
/// # Errors
/// What the database says; unavailable when it says nothing in time.
pub async fn within<T>(
    deadline: Instant,
    doing: &'static str,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Fault> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(done) => done.map_err(failed(doing)),
        Err(_) => Err(Fault::unavailable("the database did not answer in time").with_source(doing)),
    }
}

/// Runs a statement that returns at most one row, as `Result<Option<Row>, Fault>`.
#[macro_export]
macro_rules! fetch_optional {
    ($link:expr, $row:ty, $sql:literal $(, $arg:expr)* $(,)?) => {
        $crate::run_statement!($link, $row, fetch_optional, $sql $(, $arg)*)
    };
}

/// Runs a statement that returns any number of rows, as `Result<Vec<Row>, Fault>`.
#[macro_export]
macro_rules! fetch_all {
    ($link:expr, $row:ty, $sql:literal $(, $arg:expr)* $(,)?) => {
        $crate::run_statement!($link, $row, fetch_all, $sql $(, $arg)*)
    };
}

/// What the two above share.
#[macro_export]
#[doc(hidden)]
macro_rules! run_statement {
    ($link:expr, $row:ty, $fetch:ident, $sql:literal $(, $arg:expr)*) => {{
        let link = &mut *$link;
        let deadline = $crate::store::db::Link::deadline(link);
        let doing = concat!(file!(), ":", line!());
        $crate::store::db::count_statement();
        match $crate::store::db::Link::conn(link) {
            $crate::store::db::Conn::Sqlite(conn) => {
                let query = sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($arg))*;
                $crate::store::db::within(deadline, doing, query.$fetch(conn)).await
            }
            $crate::store::db::Conn::Postgres(conn) => {
                let query = sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($arg))*;
                $crate::store::db::within(deadline, doing, query.$fetch(conn)).await
            }
        }
    }};
}

/// Runs a statement for its effect, as `Result<u64, Fault>`: how many rows it touched.
#[macro_export]
macro_rules! execute {
    ($link:expr, $sql:literal $(, $arg:expr)* $(,)?) => {{
        let link = &mut *$link;
        let deadline = $crate::store::db::Link::deadline(link);
        let doing = concat!(file!(), ":", line!());
        $crate::store::db::count_statement();
        match $crate::store::db::Link::conn(link) {
            $crate::store::db::Conn::Sqlite(conn) => {
                let query = sqlx::query::<sqlx::Sqlite>($sql)$(.bind($arg))*;
                $crate::store::db::within(deadline, doing, query.execute(conn))
                    .await
                    .map(|done| done.rows_affected())
            }
            $crate::store::db::Conn::Postgres(conn) => {
                let query = sqlx::query::<sqlx::Postgres>($sql)$(.bind($arg))*;
                $crate::store::db::within(deadline, doing, query.execute(conn))
                    .await
                    .map(|done| done.rows_affected())
            }
        }
    }};
}

impl Db {
    /// Opens the SQLite file at `path`. It must exist unless `create`.
    ///
    /// # Errors
    /// When it cannot be opened, or the library is too old to be trusted with it.
    pub async fn sqlite(path: &Path, create: bool) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_WAIT)
            .foreign_keys(true)
            .pragma("trusted_schema", "OFF")
            .pragma("temp_store", "MEMORY")
            // A checkpoint inside a commit is the tail of the latency; `checkpoint` does it aside.
            .pragma("wal_autocheckpoint", "0")
            // What a long reader made of the log is given back when the log begins anew.
            .pragma("journal_size_limit", "67108864")
            // A whole list fits: else the thread of the connection waits for whoever takes its rows.
            .row_buffer_size(1024)
            .disable_statement_logging();
        let write = PoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WRITE_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // A COMMIT that fails (full disk, I/O error) has rolled back by itself; sqlx still
            // counts the transaction as open and would refuse every later one on this connection.
            .after_release(|conn: &mut SqliteConnection, _| {
                let sound = !conn.is_in_transaction();
                Box::pin(async move { Ok(sound) })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed("opening the database"))?;
        let read = PoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(WRITE_WAIT)
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let db = Self::Sqlite(SqliteDb { write, read, path: path.to_owned() });
        db.assert_sqlite_version().await?;
        Ok(db)
    }

    /// Connects to a PostgreSQL server.
    ///
    /// # Errors
    /// When it cannot be reached or refuses us.
    pub async fn postgres(url: &str) -> Result<Self, Fault> {
        let options = url
            .parse::<PgConnectOptions>()
            .map_err(failed("reading SIGNET_DATABASE_URL"))?
            .application_name("signet")
            .options([
                ("lock_timeout", "1500"),
                ("statement_timeout", "5000"),
                ("idle_in_transaction_session_timeout", "10000"),
                // The ROLLBACK below would draw a warning each time it has nothing to do.
                ("client_min_messages", "error"),
            ])
            .disable_statement_logging();
        let pool = PoolOptions::new()
            .max_connections(PG_CONNECTIONS)
            .acquire_timeout(WRITE_WAIT)
            .test_before_acquire(false)
            // Asking costs a round trip: only of a connection that has rested, which the server, a
            // failover or a firewall may have ended meanwhile. One that has not is tried; see
            // `begin_postgres`.
            .before_acquire(|conn: &mut PgConnection, facts| {
                Box::pin(async move {
                    if facts.idle_for >= RESTED {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            // sqlx 0.9's begin() is not safe to cancel: a connection can come back inside a
            // transaction. Units of work run detached (see `App::run`); this is the belt.
            .after_release(|conn: &mut PgConnection, _| {
                Box::pin(async move {
                    conn.execute("ROLLBACK").await?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(failed("connecting to PostgreSQL"))?;
        Ok(Self::Postgres(pool))
    }

    /// Begins a unit of work. On SQLite it waits for the one writer.
    ///
    /// # Errors
    /// Unavailable when that takes longer than [`WRITE_WAIT`].
    pub async fn begin(&self) -> Result<Tx, Fault> {
        self.begin_within(WRITE_WAIT).await
    }

    /// The same with another patience, for work that has waited elsewhere already.
    ///
    /// # Errors
    /// Unavailable when it takes longer than `patience`.
    pub async fn begin_within(&self, patience: Duration) -> Result<Tx, Fault> {
        let deadline = Instant::now() + patience;
        // Boxed: the pool's states are thousands of bytes, which every future that holds this one would
        // have as well, and each move of such a future would copy.
        let begun = Box::pin(async {
            match self {
                Self::Sqlite(db) => db.write.begin_with("BEGIN IMMEDIATE").await.map(Begun::Sqlite),
                Self::Postgres(pool) => begin_postgres(pool).await.map(Begun::Postgres),
            }
        });
        let begun = within(deadline, "beginning a transaction", begun).await?;
        Ok(Tx { begun, deadline })
    }

    /// A connection for statements that stand alone.
    ///
    /// # Errors
    /// Unavailable when there is none within [`WRITE_WAIT`].
    pub async fn reader(&self) -> Result<Reader, Fault> {
        let doing = "taking a database connection";
        // Boxed for the same reason as above.
        match self {
            Self::Sqlite(db) => match db.read.try_acquire() {
                Some(free) => Ok(Reader::Sqlite(free)),
                None => Box::pin(db.read.acquire()).await.map(Reader::Sqlite),
            },
            Self::Postgres(pool) => Box::pin(pool.acquire()).await.map(Reader::Postgres),
        }
        .map_err(failed(doing))
    }

    /// Whether this is SQLite.
    #[must_use]
    pub const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Closes all connections; on SQLite after folding the write-ahead log into the file. A server
    /// that says nothing is left after two seconds: it would keep the process from ending, and what
    /// it was told in time is committed without a goodbye.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => {
                if let Err(error) = self.empty_log().await {
                    tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
                }
                db.read.close().await;
                db.write.close().await;
            }
            Self::Postgres(pool) => {
                if tokio::time::timeout(GOODBYE_WAIT, pool.close()).await.is_err() {
                    tracing::warn!("the database does not answer; its connections are just left");
                }
            }
        }
    }

    /// Lets go of a database that was refused without closing it. SQLite would fold the write-ahead log
    /// into the file on the way out, and what was refused may be the log of another database.
    pub fn abandon(&self) {
        if self.is_sqlite() {
            std::mem::forget(self.clone());
        }
    }

    /// Moves the write-ahead log into the database file, on a connection that commits nothing, and
    /// nobody waits for it.
    ///
    /// What was committed meanwhile is left, so under a steady load the log would grow for ever. Once it
    /// is long, the writer's connection moves that rest between two transactions: few pages, and the
    /// next transaction begins the log anew, in the space it has. The alternatives, RESTART and TRUNCATE
    /// from another connection, make the writer poll for its lock, up to 50 ms at a time, and a shorter
    /// file is a change of the file system's own records with each commit that makes it longer again.
    ///
    /// # Errors
    /// When the database cannot be reached. A log that is busy is no error.
    pub async fn checkpoint(&self) -> Result<(), Fault> {
        /// In pages; 16 MiB. Longer only makes a start after a crash slower.
        const LONG: i64 = 4096;
        let Self::Sqlite(db) = self else { return Ok(()) };
        if db.has_empty_log() {
            return Ok(());
        }
        let mut conn = db.read.acquire().await.map_err(failed("checkpointing"))?;
        // `query_only` would forbid it; nothing else runs on this connection meanwhile.
        let outcome = async {
            conn.execute("PRAGMA query_only = OFF").await?;
            let pages = passive(&mut conn).await;
            conn.execute("PRAGMA query_only = ON").await?;
            pages
        };
        let (pages, moved) = outcome.await.map_err(failed("checkpointing"))?;
        drop(conn);
        // Pages that somebody still reads stay: the log cannot begin anew, and the writer must not be the
        // one who moves all of them the moment that reader is gone.
        if pages > LONG && moved == pages {
            let mut conn = db.write.acquire().await.map_err(failed("checkpointing"))?;
            passive(&mut conn).await.map_err(failed("checkpointing"))?;
        }
        Ok(())
    }

    /// Moves all of the write-ahead log into the database file and empties it. Waits for everybody who
    /// reads or writes: for the beginning and the end.
    ///
    /// # Errors
    /// When the database cannot be reached. A log that is busy is no error.
    pub async fn empty_log(&self) -> Result<(), Fault> {
        let Self::Sqlite(db) = self else { return Ok(()) };
        if db.has_empty_log() {
            return Ok(());
        }
        let mut conn = db.write.acquire().await.map_err(failed("checkpointing"))?;
        let outcome = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        outcome.map(drop).map_err(failed("checkpointing"))
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

    /// The pools, for migrations.
    pub(super) const fn pools(&self) -> Pools<'_> {
        match self {
            Self::Sqlite(db) => Pools::Sqlite(&db.write),
            Self::Postgres(pool) => Pools::Postgres(pool),
        }
    }
}

/// The pool that may change the schema.
pub(super) enum Pools<'a> {
    /// SQLite's writer.
    Sqlite(&'a SqlitePool),
    /// PostgreSQL's only pool.
    Postgres(&'a PgPool),
}

/// Begins on a connection that works: when the server has cut all of them at once, each is found out
/// by the first who uses it, and he is not to blame. Nothing has been done yet, so he may try the next.
async fn begin_postgres(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tries = 0;
    loop {
        match pool.begin().await {
            Err(error) if is_cut(&error) && tries < PG_CONNECTIONS => tries += 1,
            begun => return begun,
        }
    }
}

impl Tx {
    /// Makes the work durable.
    ///
    /// # Errors
    /// When it may not be; then nothing may be acknowledged.
    pub async fn commit(self) -> Result<(), Fault> {
        let deadline = self.deadline;
        // A COMMIT is sent before anybody looks at the clock, and cannot be called back: work that
        // is already late would be reported as undone and stay.
        if Instant::now() >= deadline {
            self.rollback().await;
            return Err(Fault::unavailable("the work was not done in time to be committed"));
        }
        let committed = async {
            match self.begun {
                Begun::Sqlite(tx) => tx.commit().await,
                Begun::Postgres(tx) => tx.commit().await,
            }
        };
        within(deadline, "committing", committed).await
    }

    /// Takes the work back. One that cannot be taken back in time is left to the database, which
    /// does so itself when the connection ends.
    pub async fn rollback(self) {
        let deadline = self.deadline.max(Instant::now() + ROLLBACK_WAIT);
        let done = async {
            match self.begun {
                Begun::Sqlite(tx) => tx.rollback().await,
                Begun::Postgres(tx) => tx.rollback().await,
            }
        };
        if let Err(fault) = within(deadline, "rolling back", done).await {
            tracing::debug!(%fault, "a transaction was left to the database");
        }
    }
}

/// Ends a unit of work the one way there is: a refusal commits what it recorded (a revocation, a
/// counter), a fault rolls back. The price is to decide first and write last.
///
/// # Errors
/// What `outcome` holds, or the fault of the commit.
pub async fn settle<T>(tx: Tx, outcome: Result<T, Failure>) -> Result<T, Failure> {
    match outcome {
        Err(Failure::Failed(fault)) => {
            tx.rollback().await;
            Err(Failure::Failed(fault))
        }
        settled => {
            tx.commit().await?;
            settled
        }
    }
}

/// Ends a unit of work that is whole or not at all: a refusal takes everything back too. For work
/// whose first steps must not survive the refusal of a later one.
///
/// # Errors
/// What `outcome` holds, or the fault of the commit.
pub async fn settle_whole<T>(tx: Tx, outcome: Result<T, Failure>) -> Result<T, Failure> {
    match outcome {
        Ok(done) => tx.commit().await.map(|()| done).map_err(Failure::from),
        Err(stop) => {
            tx.rollback().await;
            Err(stop)
        }
    }
}
