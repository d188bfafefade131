//! PostgreSQL: one pool, and what a connection is asked before and after its use.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Postgres, Transaction};

use super::Db;
use crate::base::Deadlines;
use crate::domain::outcome::Fault;
use crate::store::error::{failed, is_cut};

/// How long a connection may lie unused before it is asked whether it still works.
const RESTED: Duration = Duration::from_secs(1);
/// Connections to a PostgreSQL database; more brought nothing on two cores.
const PG_CONNECTIONS: u32 = 16;

/// The connections to a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresDb {
    pub(super) pool: PgPool,
    pub(super) deadlines: Deadlines,
}

impl Db {
    /// Connects to a PostgreSQL server.
    ///
    /// # Errors
    /// When it cannot be reached or refuses us.
    pub async fn postgres(url: &str, deadlines: Deadlines) -> Result<Self, Fault> {
        let millis = |wait: Duration| wait.as_millis().to_string();
        let options = url
            .parse::<PgConnectOptions>()
            .map_err(failed("reading SIGNET_DATABASE_URL"))?
            .application_name("signet")
            .options([
                ("lock_timeout", millis(deadlines.lock())),
                ("statement_timeout", millis(deadlines.statement())),
                ("idle_in_transaction_session_timeout", millis(deadlines.idle_transaction())),
                // The ROLLBACK below would draw a warning each time it has nothing to do.
                ("client_min_messages", "error".to_owned()),
            ])
            .disable_statement_logging();
        let pool = PoolOptions::new()
            .max_connections(PG_CONNECTIONS)
            .acquire_timeout(deadlines.write())
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
            // transaction. Units of work run detached (see `App::run_to_completion`); this is the belt.
            .after_release(|conn: &mut PgConnection, _| {
                Box::pin(async move {
                    conn.execute("ROLLBACK").await?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(failed("connecting to PostgreSQL"))?;
        Ok(Self::Postgres(PostgresDb { pool, deadlines }))
    }
}

/// Begins on a connection that works: when the server has cut all of them at once, each is found out
/// by the first who uses it, and he is not to blame. Nothing has been done yet, so he may try the next.
pub(super) async fn begin_postgres(
    pool: &PgPool,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tries = 0;
    loop {
        match pool.begin().await {
            Err(error) if is_cut(&error) && tries < PG_CONNECTIONS => tries += 1,
            begun => return begun,
        }
    }
}
