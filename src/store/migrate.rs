//! The schema: which migrations there are, which are applied, and applying the rest.
//!
//! Owns the two folders under `migrations/`. Both hold files of the same names.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Executor as _, PgPool, SqlitePool};

use crate::domain::outcome::Fault;

use super::db::{Db, Pools};
use super::error::failed;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

const DOING: &str = "migrating the schema";

/// How the database's schema compares with the one this binary knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The newest version applied, 0 for none.
    pub applied: i64,
    /// The newest version known.
    pub known: i64,
}

/// One migration and whether it is applied.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

fn migrator(db: &Db) -> &'static Migrator {
    if db.is_sqlite() { &SQLITE } else { &POSTGRES }
}

/// Compares the schemas.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(db: &Db) -> Result<Status, Fault> {
    let known = migrator(db).iter().map(|m| m.version).max().unwrap_or(0);
    Ok(Status { applied: applied(db).await?.into_iter().max().unwrap_or(0), known })
}

/// Every migration this binary knows.
///
/// # Errors
/// When the database cannot be read.
pub async fn steps(db: &Db) -> Result<Vec<Step>, Fault> {
    let applied = applied(db).await?;
    let step = |m: &sqlx::migrate::Migration| Step {
        version: m.version,
        name: m.description.to_string(),
        applied: applied.contains(&m.version),
    };
    Ok(migrator(db).iter().map(step).collect())
}

/// Applies what is missing. Two processes may ask at once; one waits for the other.
///
/// # Errors
/// When an applied migration differs from the one known, or a statement fails; unavailable when
/// the other takes too long.
pub async fn up(db: &Db) -> Result<(), Fault> {
    match db.pools() {
        Pools::Sqlite(pool) => up_sqlite(pool).await,
        Pools::Postgres(pool) => up_postgres(pool).await,
    }
}

/// The migrator locks nothing on SQLite: two would both find the same step missing. The write lock
/// is taken before anybody looks, and every step is a savepoint inside. (`run_direct`, here and
/// below, because the future of `run` on a borrowed connection cannot change threads.)
async fn up_sqlite(pool: &SqlitePool) -> Result<(), Fault> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(DOING))?;
    SQLITE.run_direct(None, &mut *tx, false).await.map_err(stopped)?;
    tx.commit().await.map_err(failed(DOING))
}

/// The migrator's lock belongs to the connection, and a step that fails leaves it taken: back in
/// the pool, the connection would keep everybody out. A step may take as long as a large table
/// needs; waiting for a lock stays bounded, because everybody queues behind it.
async fn up_postgres(pool: &PgPool) -> Result<(), Fault> {
    let mut conn = pool.acquire().await.map_err(failed(DOING))?;
    conn.execute("SET statement_timeout = 0").await.map_err(failed(DOING))?;
    let outcome = POSTGRES.run_direct(None, &mut *conn, false).await.map_err(stopped);
    if let Err(error) = conn.close().await {
        tracing::debug!(%error, "closing the connection that migrated");
    }
    outcome
}

fn stopped(error: MigrateError) -> Fault {
    match error {
        MigrateError::Execute(error) => failed(DOING)(error),
        error => Fault::internal(DOING).with_source(error),
    }
}

async fn applied(db: &Db) -> Result<Vec<i64>, Fault> {
    let mut link = db.begin().await?;
    let exists: Option<(i64,)> = if db.is_sqlite() {
        crate::fetch_optional!(
            &mut link,
            (i64,),
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
        )?
    } else {
        crate::fetch_optional!(
            &mut link,
            (i64,),
            "SELECT count(*) FROM pg_tables WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
        )?
    };
    let rows: Vec<(i64,)> = if exists.is_some_and(|(count,)| count > 0) {
        crate::fetch_all!(
            &mut link,
            (i64,),
            "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version"
        )?
    } else {
        Vec::new()
    };
    link.rollback().await;
    Ok(rows.into_iter().map(|(version,)| version).collect())
}
