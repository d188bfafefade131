//! The abstraction over the two databases: pools, transactions, and the macros that run a statement.
//!
//! Owns connections and how long a caller waits for one. Only this folder distinguishes the two drivers.

mod last_write;
mod macros;
mod pg_lease;
mod pg_opening;
mod pg_pool;
mod postgres;
mod size;
mod sqlite;
mod transaction;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::time::Instant;

use crate::base::Deadlines;
use crate::domain::outcome::Fault;
use crate::metrics::{DbMetrics, Wait};

use super::error::failed;
use last_write::LastWrite;
use pg_lease::Lease;
use transaction::Begun;

#[cfg(feature = "test-support")]
pub use macros::counted;
pub use macros::{count_statement, only_reads};
pub use postgres::PostgresDb;
pub use sqlite::SqliteDb;
pub use transaction::{Tx, commit_unless_failed};

/// How long closing the connections to a PostgreSQL server may take.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

/// A database.
#[derive(Clone)]
pub enum Db {
    /// One file.
    Sqlite(SqliteDb),
    /// A server.
    Postgres(PostgresDb),
}

/// A connection for statements outside of a transaction.
pub struct Reader {
    taken: Taken,
    deadlines: Deadlines,
}

enum Taken {
    /// To SQLite, read only.
    Sqlite(PoolConnection<Sqlite>),
    /// To PostgreSQL.
    Postgres(Lease),
}

/// A borrowed connection of either driver, on which the statement macros match.
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
    /// The deadline of a statement that begins now.
    fn deadline(&self) -> Instant;
    /// Called after a statement that succeeded; `wrote` tells whether it may have changed rows.
    fn ended(&mut self, wrote: bool);
    /// Called after a statement that failed.
    fn failed(&mut self, fault: &Fault);
}

impl Link for Reader {
    fn conn(&mut self) -> Conn<'_> {
        match &mut self.taken {
            Taken::Sqlite(conn) => Conn::Sqlite(&mut *conn),
            Taken::Postgres(lease) => Conn::Postgres(lease.connection()),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.deadlines.write()
    }

    fn ended(&mut self, _: bool) {
        if let Taken::Postgres(lease) = &mut self.taken {
            lease.done();
        }
    }

    /// The connection may be in an unknown state, and is checked before it is lent again.
    fn failed(&mut self, _: &Fault) {}
}

/// Waits for `work` until `deadline`. A frozen database, or a network that drops packets, never answers: without
/// a deadline its callers would wait forever.
///
/// Its type is erased: the compiler proves `Send` of a use case along every path to a statement again, and the
/// driver's futures are deep. Concrete types here made a check of the library more than three times as long.
///
/// # Errors
/// The error of the database; unavailable when it does not answer in time.
pub fn with_deadline<'a, T: Send + 'a>(
    deadline: Instant,
    doing: &'static str,
    work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Fault>> {
    Box::pin(async move {
        match tokio::time::timeout_at(deadline, work).await {
            Ok(done) => done.map_err(failed(doing)),
            Err(_) => {
                Err(Fault::unavailable("the database did not answer in time").with_source(doing))
            }
        }
    })
}

impl Db {
    /// Begins a unit of work. On SQLite it waits for the only writer.
    ///
    /// # Errors
    /// Unavailable when that takes longer than [`Deadlines::write`].
    pub async fn begin(&self) -> Result<Tx, Fault> {
        self.begin_within(self.deadlines().write()).await
    }

    /// The time limits of work on it.
    #[must_use]
    pub const fn deadlines(&self) -> Deadlines {
        match self {
            Self::Sqlite(db) => db.deadlines,
            Self::Postgres(db) => db.deadlines,
        }
    }

    /// The same with another time limit, for work that has already waited elsewhere.
    ///
    /// # Errors
    /// Unavailable when it takes longer than `patience`.
    pub async fn begin_within(&self, patience: Duration) -> Result<Tx, Fault> {
        self.begin_until(Instant::now() + patience).await
    }

    /// The same with a deadline, for retried work.
    ///
    /// # Errors
    /// Unavailable when it cannot be begun by `deadline`.
    pub fn begin_until(&self, deadline: Instant) -> BoxFuture<'_, Result<Tx, Fault>> {
        // Boxed, because the pool's states have thousands of bytes, which every enclosing future would contain and
        // copy when it moves; and for the reason given at `with_deadline`.
        Box::pin(async move {
            let began = Instant::now();
            let begun = match self {
                Self::Sqlite(db) => {
                    let begun = db.write.begin_with("BEGIN IMMEDIATE");
                    let begun = with_deadline(deadline, "beginning a transaction", begun).await;
                    begun.map(Begun::Sqlite)
                }
                Self::Postgres(db) => db.begin(deadline).await.map(Begun::Postgres),
            };
            let metrics = Arc::clone(self.metrics());
            metrics.waited(Wait::Write, began.elapsed());
            let begun = begun.inspect_err(|fault| self.last_write().has_failed(fault))?;
            let last_write = self.last_write().clone();
            Ok(Tx { begun, deadline, wrote: false, last_write, metrics, recorded: Vec::new() })
        })
    }

    /// When a transaction that changed something was committed last, if the clock is known.
    #[must_use]
    pub fn last_write(&self) -> &LastWrite {
        match self {
            Self::Sqlite(db) => &db.last_write,
            Self::Postgres(db) => &db.last_write,
        }
    }

    /// Its metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<DbMetrics> {
        match self {
            Self::Sqlite(db) => &db.metrics,
            Self::Postgres(db) => &db.metrics,
        }
    }

    /// A connection for statements outside of a transaction.
    ///
    /// # Errors
    /// Unavailable when there is none within [`Deadlines::write`].
    pub fn reader(&self) -> BoxFuture<'_, Result<Reader, Fault>> {
        // Boxed for the same reasons as above.
        Box::pin(async move {
            let doing = "taking a database connection";
            let deadlines = self.deadlines();
            let began = Instant::now();
            let taken = match self {
                Self::Sqlite(db) => Taken::Sqlite(match db.read.try_acquire() {
                    Some(free) => free,
                    None => db.read.acquire().await.map_err(failed(doing))?,
                }),
                Self::Postgres(db) => {
                    let deadline = Instant::now() + deadlines.write();
                    Taken::Postgres(db.pool.acquire(deadline).await?)
                }
            };
            self.metrics().waited(Wait::Read, began.elapsed());
            Ok(Reader { taken, deadlines })
        })
    }

    /// The open connections to PostgreSQL and their maximum; `None` on SQLite.
    #[must_use]
    pub fn connections(&self) -> Option<(usize, usize)> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(db) => Some(db.connections()),
        }
    }

    /// How many connections lie idle, and how many are lent.
    #[must_use]
    pub fn lent_connections(&self) -> (usize, usize) {
        match self {
            Self::Sqlite(db) => {
                let open = [&db.write, &db.read].map(|pool| pool.size() as usize);
                // The pool's count is briefly below 0 while a connection is returned.
                let idle = |at: usize, pool: &SqlitePool| match pool.num_idle() {
                    idle if idle <= open[at] => idle,
                    _ => 0,
                };
                let idle = idle(0, &db.write) + idle(1, &db.read);
                (idle, open[0] + open[1] - idle)
            }
            Self::Postgres(db) => db.pool.lent(),
        }
    }

    /// Whether this is SQLite.
    #[must_use]
    pub const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Closes all connections, on SQLite after a checkpoint. A server that does not answer is abandoned after two
    /// seconds, so that the process can end; acknowledged commits are safe.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => {
                if let Err(error) = self.empty_log().await {
                    tracing::warn!(%error, "the write-ahead log remains; the next start reads it");
                }
                db.read.close().await;
                db.write.close().await;
            }
            Self::Postgres(db) => {
                if tokio::time::timeout(GOODBYE_WAIT, db.pool.close()).await.is_err() {
                    tracing::warn!("the database does not answer; its connections are abandoned");
                }
            }
        }
    }

    /// Abandons a refused database without closing it. SQLite would checkpoint the write-ahead log on close, and
    /// the log may belong to another database.
    pub fn abandon(&self) {
        if self.is_sqlite() {
            std::mem::forget(self.clone());
        }
    }

    /// The pools, for migrations.
    pub(super) const fn pools(&self) -> Pools<'_> {
        match self {
            Self::Sqlite(db) => Pools::Sqlite(&db.write),
            Self::Postgres(db) => Pools::Postgres(db),
        }
    }
}

/// The pool that may change the schema.
pub(super) enum Pools<'a> {
    /// SQLite's writer.
    Sqlite(&'a SqlitePool),
    /// PostgreSQL's only pool.
    Postgres(&'a PostgresDb),
}
