//! Copies of a database as one SQLite file: of a SQLite database and of a PostgreSQL one.

use std::path::Path;

use crate::app::startup::OpenError;
use crate::base::{Timestamp, build_info};
use crate::domain::outcome::{Fault, FaultKind};
use crate::store::backup_file::{BackupFile, Manifest, snapshot};
use crate::store::error::is_damage;
use crate::store::table_copy::{Copier, RowSink};
use crate::store::{Db, migrate};

use super::BackupError;
use super::table_sums::TableSums;
use super::watch::Watch;

/// Tables of a PostgreSQL database that are not copied: a restore would end or forget what is in them.
const LEFT_OUT: &[&str] = &[
    "authorization_codes",
    "browser_sessions",
    "device_codes",
    "login_limits",
    "logout_fanouts",
    "logout_notices",
    "logout_walks",
    "mailed_codes",
    "mails",
    "processes",
    "pushed_requests",
    "session_devices",
    "sessions",
    "spent_ids",
];

/// After how many rows of PostgreSQL the room is looked at again.
const ROWS_BETWEEN_LOOKS: u64 = 1_000;

/// Copies a database into the empty file at `to`, as it is at one moment, and writes into the copy what it is.
pub(super) async fn make(
    db: &Db,
    to: &Path,
    now: Timestamp,
    watch: Watch,
) -> Result<(), BackupError> {
    if db.is_sqlite() {
        let goes_on = watch.clone();
        let copied = snapshot(db, to, move || goes_on.goes_on()).await;
        copied.map_err(|fault| watch.reason().unwrap_or_else(|| without_room(fault, to)))?;
    } else {
        let copied = of_server(db, to, &watch).await;
        copied.map_err(|error| watch.reason().unwrap_or(error))?;
    }
    describe(to, now, migrate::status(db).await?.applied).await
}

/// The fault of a copy. SQLite reports a full disk as an I/O error too, so the text says what to look at.
fn without_room(fault: Fault, to: &Path) -> BackupError {
    if is_damage(&fault) {
        return BackupError::configuration(format!(
            "the database is damaged: {fault}.\n  Restore the newest backup: signet backup restore FILE."
        ));
    }
    if fault.kind == FaultKind::Internal {
        return fault.into();
    }
    BackupError::Open(OpenError::TryAgain(format!(
        "{fault}.\n  Check that there is room in {} and beside the database, and try again.",
        to.parent().unwrap_or(to).display()
    )))
}

/// Sums of rows that end the copy when there is no room any more, or the server stops.
struct WatchedSums<'a> {
    sums: TableSums,
    watch: &'a Watch,
    rows: u64,
}

impl RowSink for WatchedSums<'_> {
    fn row(&mut self, table: &str, row: &[u8]) -> Result<(), Fault> {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_BETWEEN_LOOKS) && !self.watch.goes_on() {
            return Err(Fault::unavailable("the copy was ended"));
        }
        self.sums.row(table, row)
    }
}

/// Copies the rows of a PostgreSQL database into a SQLite file of the same schema, and compares what was read with what
/// the file holds.
async fn of_server(db: &Db, to: &Path, watch: &Watch) -> Result<(), BackupError> {
    let status = migrate::status(db).await?;
    if status.pending > 0 || status.applied > status.known || status.foreign.is_some() {
        return Err(BackupError::configuration(format!(
            "the PostgreSQL database has schema {}, and this binary knows {}.\n  Use the binary of its servers; `signet \
             migrate up` applies missing steps.",
            status.applied, status.known
        )));
    }
    let file = Db::sqlite(to, false, db.deadlines()).await?;
    let migrated = migrate::up(&file).await;
    file.close().await;
    migrated?;
    let mut target = Copier::writing_file(to).await?;
    let into = target.tables().await?;
    target.clear(&into).await?;
    let mut source = Copier::reading(db).await?;
    let tables = source.tables().await?;
    let mut read = WatchedSums { sums: TableSums::default(), watch, rows: 0 };
    for table in &into {
        if LEFT_OUT.contains(&&*table.name) {
            continue;
        }
        let from = tables.iter().find(|from| from.name == table.name);
        let from = from.ok_or_else(|| {
            Fault::internal("a table is missing in PostgreSQL").with_source(table.name.clone())
        })?;
        read.sums.add_table(&table.name);
        source.copy(from, &mut target, table, &mut read).await?;
    }
    source.discard().await;
    target.commit().await?;
    let found = TableSums::of_file(to).await?;
    match read.sums.difference(&found) {
        None => Ok(()),
        Some(found) => Err(BackupError::Unusable(format!(
            "the copy is not what was read from PostgreSQL: {found}.\n  Check the disk, and try again."
        ))),
    }
}

/// Writes into a copy what it is.
async fn describe(copy: &Path, now: Timestamp, schema: i64) -> Result<(), BackupError> {
    let sums = TableSums::of_file(copy).await?;
    let mut file = BackupFile::open(copy, true).await?;
    let manifest = Manifest {
        version: build_info::VERSION.to_owned(),
        schema,
        at: now,
        rows: sums.rows(),
        digests: sums.digests(),
        keys: file.signing_keys().await?,
    };
    file.write_manifest(&manifest).await?;
    Ok(file.close().await?)
}
