//! The schema: existing and applied migrations, and applying the rest.
//!
//! Owns the two folders under `migrations/`. Both contain files of the same names.

use std::sync::LazyLock;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlitePool};

use crate::domain::outcome::Fault;

use super::db::{Db, Pools, PostgresDb};
use super::error::{code, failed};
use super::pg_server::holders;

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| sqlx::migrate!("migrations/sqlite"));

/// Without the migrator's own lock, which belongs to the session: behind a pooler the statement that releases
/// it may reach another session.
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_locking(false);
    migrator
});

/// The advisory lock under which one process at a time migrates: the bytes of `signet` and a number.
const LOCK: i64 = 0x7369_676e_6574_0001;

const DOING: &str = "migrating the schema";

/// The schema of the database compared with that of this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The newest version applied, 0 for none.
    pub applied: i64,
    /// The newest version known.
    pub known: i64,
    /// How many of the known versions are not applied.
    pub pending: usize,
    /// The first applied version that differs from this binary's migration of the same number.
    pub foreign: Option<i64>,
}

impl Status {
    /// Whether the database has exactly the schema that this binary knows.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.pending == 0 && self.foreign.is_none() && self.applied <= self.known
    }
}

/// One migration and whether it is applied.
#[derive(Debug, Clone)]
pub struct Step {
    /// The number at the beginning of its file name.
    pub version: i64,
    /// Its description, from its file name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

fn migrator(db: &Db) -> &'static Migrator {
    if db.is_sqlite() { &SQLITE } else { &POSTGRES }
}

/// The newest version this binary knows.
#[must_use]
pub fn newest(db: &Db) -> i64 {
    migrator(db).iter().map(|step| step.version).max().unwrap_or(0)
}

/// The newest schema that this binary knows. Both databases have the same versions.
#[must_use]
pub fn known() -> i64 {
    SQLITE.iter().map(|step| step.version).max().unwrap_or_default()
}

/// Compares the schemas. Needs only read access.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(db: &Db) -> Result<Status, Fault> {
    let applied = applied(db).await?;
    let known = migrator(db);
    let newest = newest(db);
    let is_known = |row: &Applied| {
        row.success && known.iter().any(|step| step.version == row.version && row.is(step))
    };
    let is_applied =
        |step: &&sqlx::migrate::Migration| applied.iter().any(|row| row.version == step.version);
    Ok(Status {
        applied: applied.iter().map(|row| row.version).max().unwrap_or(0),
        known: newest,
        pending: known.iter().filter(|step| !is_applied(step)).count(),
        foreign: applied
            .iter()
            .find(|row| row.version <= newest && !is_known(row))
            .map(|row| row.version),
    })
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
        applied: applied.iter().any(|row| row.version == m.version),
    };
    Ok(migrator(db).iter().map(step).collect())
}

/// Applies missing migrations. If there are none, it needs only read access. Of two concurrent processes, one waits
/// for the other.
///
/// # Errors
/// When an applied migration differs from this binary's, or a statement fails; unavailable when the other process,
/// or a session with a lock on a table, takes too long.
pub async fn up(db: &Db) -> Result<(), Fault> {
    let status = status(db).await?;
    if let Some(version) = status.foreign {
        let fault = Fault::internal("a migration of the database is not the one that is known");
        return Err(fault.with_source(format!("version {version}")));
    }
    if status.pending == 0 {
        return Ok(());
    }
    match db.pools() {
        Pools::Sqlite(pool) => up_sqlite(pool).await,
        Pools::Postgres(db) => up_postgres(db).await,
    }
}

/// The migrator takes no lock on SQLite, so two would both find the same step missing. The write lock is taken
/// first, and every step is a savepoint inside. (`run_direct`, here and below, because the future of `run` on a
/// borrowed connection is not `Send`.)
async fn up_sqlite(pool: &SqlitePool) -> Result<(), Fault> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(DOING))?;
    SQLITE.run_direct(None, &mut *tx, false).await.map_err(stopped)?;
    tx.commit().await.map_err(failed(DOING))
}

/// On a connection that is closed afterwards, because its prepared statements may be of the old schema.
async fn up_postgres(db: &PostgresDb) -> Result<(), Fault> {
    let mut lease = db.lend().await?;
    let outcome = migrate(db, lease.connection()).await;
    let outcome = match outcome {
        Err(fault) if code(&fault).as_deref() == Some("55P03") => {
            Err(locked(holders(lease.connection()).await))
        }
        outcome => outcome,
    };
    lease.give_up();
    outcome
}

/// All steps in one transaction, under a lock that ends with it. A step may take as long as a large table
/// needs. Waiting for a lock stays bounded, because every other session queues behind it.
async fn migrate(db: &PostgresDb, connection: &mut PgConnection) -> Result<(), Fault> {
    let deadlines = db.deadlines();
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = {}",
        deadlines.work().as_millis()
    );
    let mut tx = connection.begin_with(AssertSqlSafe(begin)).await.map_err(failed(DOING))?;
    // The wait for another migrating process is longer than that for a table lock, because while this one waits for
    // a table, all others queue behind it.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await
        .map_err(failed("waiting for another process that migrates the schema"))?;
    let patience = format!("SET LOCAL lock_timeout = {}", deadlines.lock().as_millis());
    tx.execute(sqlx::raw_sql(AssertSqlSafe(patience))).await.map_err(failed(DOING))?;
    POSTGRES.run_direct(None, &mut *tx, false).await.map_err(stopped)?;
    tx.commit().await.map_err(failed(DOING))
}

fn locked(holders: Vec<String>) -> Fault {
    let fault = Fault::unavailable(
        "a migration needs a lock that another session holds, such as a backup or a long transaction",
    );
    if holders.is_empty() { fault } else { fault.with_source(holders.join("; ")) }
}

fn stopped(error: MigrateError) -> Fault {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            failed(DOING)(error)
        }
        error => Fault::internal(DOING).with_source(error),
    }
}

/// A step that the database has.
#[derive(sqlx::FromRow)]
struct Applied {
    version: i64,
    success: bool,
    checksum: Vec<u8>,
}

impl Applied {
    /// Whether it is identical to this binary's migration.
    fn is(&self, step: &sqlx::migrate::Migration) -> bool {
        self.checksum == *step.checksum
    }
}

async fn applied(db: &Db) -> Result<Vec<Applied>, Fault> {
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
    let rows = if exists.is_some_and(|(count,)| count > 0) {
        crate::fetch_all!(
            &mut link,
            Applied,
            "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version"
        )?
    } else {
        Vec::new()
    };
    link.rollback().await;
    Ok(rows)
}
