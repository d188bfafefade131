//! A real PostgreSQL for the suite: finds or starts one, and creates empty or copied databases.
//!
//! It owns the server process, its directory and every database it creates. It has no knowledge of the schema
//! (the caller fills a template) and keeps nothing that belongs to an async runtime: each test has its own
//! runtime, so a shared pool would end with the first one.

mod adopted;
mod cluster;
mod keeper;
mod private_cluster;
mod programs;
mod runner;
mod tests;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::OnceLock;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, SqlSafeStr as _};

use crate::support::require::{missing, variable};

use adopted::adopt;
pub use cluster::Cluster;
use keeper::{Keeper, launch};

/// The variable with the server to use instead of starting one: a `postgres://` URL of a role that may create
/// databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// The name of this requirement in `SIGNET_TEST_REQUIRE` and in the report.
const WHAT: &str = "postgres";

/// The URL of a new, empty database; `None` (reported) without PostgreSQL.
///
/// # Panics
///
/// When PostgreSQL is required but missing, or the server refuses.
pub async fn fresh_database() -> Option<String> {
    match shared().await {
        Some(cluster) => Some(cluster.fresh_database().await),
        None => None,
    }
}

/// Whether there is a PostgreSQL for databases.
///
/// # Panics
///
/// When PostgreSQL is required but missing.
pub async fn is_there() -> bool {
    shared().await.is_some()
}

/// Has `prepare` fill the template `name`, once per process: it gets the URL of an empty database.
/// Later and concurrent calls with the name wait for the first and do nothing. Without PostgreSQL
/// it returns without calling `prepare`.
///
/// # Panics
///
/// As [`fresh_database`]; a panic of `prepare` leaves the name free for the next caller.
pub async fn template_database(name: &str, prepare: impl AsyncFnOnce(String)) {
    if let Some(cluster) = shared().await {
        cluster.template_database(name, prepare).await;
    }
}

/// The URL of a new copy of the template `name`; `None` without PostgreSQL.
///
/// # Panics
///
/// As [`fresh_database`], and when the template was never prepared.
pub async fn database_from_template(name: &str) -> Option<String> {
    match shared().await {
        Some(cluster) => Some(cluster.database_from_template(name).await),
        None => None,
    }
}

/// The cluster that this process shares, started or adopted at the first call (which blocks: about a second,
/// more when PostgreSQL must be fetched); `None`, reported, when there is none.
///
/// # Panics
///
/// When PostgreSQL is required but missing, or `TEST_POSTGRES_URL` is set and does not work: another server
/// must not replace it silently.
pub fn cluster() -> Option<&'static Cluster> {
    // The keeper is kept for the whole process: dropping it is what stops the server.
    static SHARED: OnceLock<Result<(Cluster, Option<Keeper>), String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        if let Some(server) = variable(SERVER) {
            let cluster = adopt(&server);
            return Ok((cluster.unwrap_or_else(|why| panic!("{SERVER}: {why}")), None));
        }
        let keeper = launch()?;
        Ok((Cluster::new(keeper.url(), true), Some(keeper)))
    });
    match shared {
        Ok((cluster, _)) => Some(cluster),
        Err(why) => {
            missing(WHAT, why);
            None
        }
    }
}

/// Runs statements on the database at `url`, on a separate connection.
///
/// # Panics
///
/// When one of them fails.
pub async fn execute(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Every row of every table of a database as PostgreSQL prints it; binary columns that are text are printed as text.
///
/// # Panics
///
/// When the database cannot be read.
pub async fn everything_in(url: &str) -> Vec<u8> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    // Binary columns as text, with other bytes than ASCII escaped.
    sqlx::query("SET bytea_output = 'escape'").execute(&mut connection).await.unwrap();
    let mut found = Vec::new();
    for table in tables {
        let sql = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t")).into_sql_str();
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
        found.extend(rows.into_iter().flat_map(String::into_bytes));
    }
    found
}

/// `url` for another role.
pub fn as_role(url: &str, role: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_username(role).unwrap();
    url.into()
}

/// [`cluster`] for async code: starting a server would block the caller's runtime.
async fn shared() -> Option<&'static Cluster> {
    blocking(cluster).await
}

/// Runs `work` on a thread that may block, and propagates its panic.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the runtime ended while PostgreSQL was worked on: {error}"),
        },
    }
}

/// Different in every process and at every call: names and ports must not collide with those of a parallel
/// test run. Not a secret, so the hash keys of the standard library are random enough.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
