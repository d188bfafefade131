//! PostgreSQL: connecting, and beginning a transaction.
//!
//! No session settings are used: behind a pooler the next transaction may run in another session, and a pooler
//! refuses unknown start-up parameters. Isolation and time-outs are part of the message that begins a
//! transaction.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr as _};
use tokio::time::{Instant, timeout};

use super::last_write::LastWrite;
use super::pg_lease::Lease;
use super::pg_opening::no_answer;
use super::pg_pool::Pool;
use super::{Db, with_deadline};
use crate::base::Deadlines;
use crate::domain::outcome::Fault;
use crate::metrics::DbMetrics;
use crate::store::error::{failed, is_cut};

/// The connections to a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresDb {
    pub(super) pool: Pool,
    pub(super) deadlines: Deadlines,
    pub(super) last_write: LastWrite,
    pub(super) metrics: Arc<DbMetrics>,
    begin: Arc<str>,
}

impl Db {
    /// Connects to a PostgreSQL server; opens one connection now and at most `connections` in all.
    ///
    /// # Errors
    /// When it cannot be reached or refuses the connection.
    pub async fn postgres(
        url: &str,
        connections: u32,
        deadlines: Deadlines,
    ) -> Result<Self, Fault> {
        let options = options(url)?;
        let first = connect(&options, deadlines).await?;
        Ok(Self::Postgres(PostgresDb {
            pool: Pool::new(options, connections, deadlines, first),
            deadlines,
            last_write: LastWrite::default(),
            metrics: Arc::default(),
            begin: begin_statement(deadlines).into(),
        }))
    }

    /// Checks that a PostgreSQL server can be reached and accepts the credentials. Leaves no connection open.
    ///
    /// # Errors
    /// When it cannot be reached or refuses the connection.
    pub async fn try_postgres(url: &str, deadlines: Deadlines) -> Result<(), Fault> {
        let connection = connect(&options(url)?, deadlines).await?;
        // Errors of the close are ignored.
        let _ = timeout(deadlines.write(), connection.close()).await;
        Ok(())
    }
}

impl PostgresDb {
    /// Begins a transaction on a working connection. After the server has cut all connections, each fails at its
    /// first use; nothing has been done on it yet, so the next one is tried.
    pub(super) async fn begin(&self, deadline: Instant) -> Result<Lease, Fault> {
        let begin = AssertSqlSafe(Arc::clone(&self.begin)).into_sql_str();
        let mut tries = 0;
        loop {
            let mut lease = self.pool.acquire(deadline).await?;
            let begun = async {
                match lease.turn(begin.clone(), true).await {
                    Err(error) if is_cut(&error) && tries < self.pool.most() => Ok(false),
                    begun => begun.map(|()| true),
                }
            };
            if with_deadline(deadline, "beginning a transaction", begun).await? {
                return Ok(lease);
            }
            tries += 1;
        }
    }

    pub(in crate::store) const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// The number of open connections and their maximum.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.pool.connections()
    }

    /// A separate connection outside of the pool.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(in crate::store) async fn another(&self) -> Result<PgConnection, Fault> {
        connect(self.pool.options(), self.deadlines).await
    }

    /// A connection of the pool, for statements outside of a transaction.
    pub(in crate::store) async fn lend(&self) -> Result<Lease, Fault> {
        self.pool.acquire(Instant::now() + self.deadlines.write()).await
    }
}

/// Read committed, whatever the role's default is: guarded writes must see what others have committed, and a
/// stricter level would fail some of them. Read-only mode is left to the database, because an operator or a
/// provider sets it when the disk is full.
fn begin_statement(deadlines: Deadlines) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}; \
         SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
        deadlines.lock().as_millis(),
        deadlines.statement().as_millis(),
        deadlines.idle_transaction().as_millis()
    )
}

fn options(url: &str) -> Result<PgConnectOptions, Fault> {
    let options = url.parse::<PgConnectOptions>().map_err(failed("reading SIGNET_DATABASE_URL"))?;
    // PgBouncer refuses this parameter. Since PostgreSQL 12 it changes nothing.
    let options = options.application_name("signet").extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

async fn connect(options: &PgConnectOptions, deadlines: Deadlines) -> Result<PgConnection, Fault> {
    let connected = timeout(deadlines.connect(), options.connect()).await;
    connected.unwrap_or_else(|_| Err(no_answer())).map_err(failed("connecting to PostgreSQL"))
}
