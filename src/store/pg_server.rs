//! Facts about a PostgreSQL server, and about a pooler before it, that decide whether a start can continue.
//!
//! Owns the statements for PostgreSQL only. `app/startup` draws the conclusions.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, FromRow};
use tokio::time::{Instant, timeout};

use crate::base::Timestamp;
use crate::domain::outcome::Fault;

use super::db::{Db, Pools, with_deadline};
use super::error::failed;

/// How long the second connection of [`Db::keeps_prepared_statements`] is waited for.
const PROBE: Duration = Duration::from_secs(2);

/// Facts about the server and the role.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ServerFacts {
    /// The encoding of the database, by PostgreSQL's name.
    pub encoding: String,
    /// The role that statements run as.
    pub role: String,
    /// The schema for new tables; `None` when the role may use no schema of its search path.
    pub schema: Option<String>,
    /// The default `statement_timeout` of the role, the database or the server, in milliseconds; 0 for never.
    pub statement_timeout: i64,
}

impl Db {
    /// The facts about the server; none on SQLite, where there is no server.
    ///
    /// # Errors
    /// When the server cannot be read.
    pub async fn server_facts(&self) -> Result<Option<ServerFacts>, Fault> {
        let Pools::Postgres(db) = self.pools() else { return Ok(None) };
        let mut lease = db.lend().await?;
        let facts = sqlx::query_as(
            "SELECT pg_encoding_to_char(encoding)::text AS encoding, current_user::text AS role, \
             current_schema()::text AS schema, (SELECT setting::bigint FROM pg_settings \
             WHERE name = 'statement_timeout') AS statement_timeout \
             FROM pg_database WHERE datname = current_database()",
        )
        .fetch_one(lease.connection())
        .await
        .map_err(failed("asking the server who we are"))?;
        lease.done();
        Ok(Some(facts))
    }

    /// The server's clock; `None` on SQLite.
    ///
    /// # Errors
    /// When the server does not answer in time.
    pub async fn time(&self) -> Result<Option<Timestamp>, Fault> {
        let Pools::Postgres(db) = self.pools() else { return Ok(None) };
        let mut lease = db.lend().await?;
        let deadline = Instant::now() + db.deadlines().write();
        let asked =
            sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
                .fetch_one(lease.connection());
        let millis = with_deadline(deadline, "asking the server for the time", asked).await?;
        lease.done();
        Ok(Some(Timestamp::from_millis(millis)))
    }

    /// Whether a prepared statement survives until the next transaction, and only for this client. Behind a pooler
    /// in transaction mode it does not, unless the pooler supports prepared statements. True if that cannot be
    /// determined.
    ///
    /// # Errors
    /// When the server cannot be read.
    pub async fn keeps_prepared_statements(&self) -> Result<bool, Fault> {
        let Pools::Postgres(db) = self.pools() else { return Ok(true) };
        let mut lease = db.lend().await?;
        let doing = "trying prepared statements";
        sqlx::query("SELECT 1").execute(lease.connection()).await.map_err(failed(doing))?;
        lease.done();
        // Every connection numbers its statements from one: if both connections reach the same session, the
        // names collide.
        let Ok(mut other) = db.another().await else { return Ok(true) };
        let asked = timeout(PROBE, sqlx::query("SELECT 1").execute(&mut other)).await;
        let lost = matches!(&asked, Ok(Err(error)) if is_lost(error));
        if asked.is_ok() {
            let _ = timeout(PROBE, other.close()).await;
        }
        let again = sqlx::query("SELECT 1").execute(lease.connection()).await;
        lease.done();
        Ok(!lost && !again.is_err_and(|error| is_lost(&error)))
    }
}

/// A prepared statement that does not exist (26000), or exists from another session (42P05).
fn is_lost(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("26000" | "42P05"))
}

/// Sessions that hold a lock on one of Signet's tables, oldest transaction first, for messages.
pub(super) async fn holders(connection: &mut PgConnection) -> Vec<String> {
    let rows: Result<Vec<(i32, String, String)>, _> = sqlx::query_as(
        "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'a session')::text, \
         string_agg(DISTINCT c.relname::text, ', ' ORDER BY c.relname::text) \
         FROM pg_locks l JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r' \
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
         JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database() \
         GROUP BY a.pid, a.application_name, a.xact_start ORDER BY a.xact_start, a.pid LIMIT 3",
    )
    .fetch_all(connection)
    .await;
    let told = |(pid, name, tables)| format!("{name:?} (process {pid}) holds {tables}");
    // If the sessions cannot be read, the message reports the lock alone.
    rows.unwrap_or_default().into_iter().map(told).collect()
}
