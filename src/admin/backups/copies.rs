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
use super::table_digests::TableDigests;
use super::watch::Watch;

/// Tables of a PostgreSQL database that are not copied: a restore would end or delete what is in them. Ids that were used
/// once (`spent_ids`) are copied, or they could be used again.
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
];

/// After how many rows of PostgreSQL the free space is read again.
const ROWS_BETWEEN_CHECKS: u64 = 1_000;

/// Copies a database into the empty file at `to`, as it is at one moment, and writes into the copy what it is.
pub(super) async fn make(
    db: &Db,
    to: &Path,
    now: Timestamp,
    watch: Watch,
) -> Result<(), BackupError> {
    if db.is_sqlite() {
        let may_continue = watch.clone();
        let copied = snapshot(db, to, move || may_continue.may_continue()).await;
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

/// Digests of the rows that are copied. Ends the copy when the disk fills, or the server stops.
struct WatchedDigests<'a> {
    digests: TableDigests,
    watch: &'a Watch,
    rows: u64,
}

impl RowSink for WatchedDigests<'_> {
    fn table(&mut self, table: &str) {
        self.digests.table(table);
    }

    fn row(&mut self, table: &str, row: &[u8]) -> Result<(), Fault> {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_BETWEEN_CHECKS) && !self.watch.may_continue() {
            return Err(Fault::unavailable("the copy was ended"));
        }
        self.digests.row(table, row)
    }
}

/// Copies the rows of a PostgreSQL database into a SQLite file of the same schema, and compares what was read with what
/// the file holds.
async fn of_server(db: &Db, to: &Path, watch: &Watch) -> Result<(), BackupError> {
    require_current_schema(db, "the PostgreSQL database").await?;
    let file = Db::sqlite(to, false, db.deadlines()).await?;
    let migrated = migrate::up(&file).await;
    file.close().await;
    migrated?;
    let mut target = Copier::writing_file(to).await?;
    let mut source = Copier::reading(db).await?;
    let mut read = WatchedDigests { digests: TableDigests::default(), watch, rows: 0 };
    source.copy_all(&mut target, LEFT_OUT, &mut read).await?;
    source.discard().await;
    target.commit().await?;
    let found = TableDigests::of_file(to).await?;
    match read.digests.difference(&found) {
        None => Ok(()),
        Some(found) => Err(BackupError::Unusable(format!(
            "the copy is not what was read from PostgreSQL: {found}.\n  Check the disk, and try again."
        ))),
    }
}

/// Refuses a database of another schema than that of this binary: its tables have other columns.
pub(in crate::admin) async fn require_current_schema(
    db: &Db,
    shown: &str,
) -> Result<(), BackupError> {
    let status = migrate::status(db).await?;
    if status.is_current() {
        return Ok(());
    }
    Err(BackupError::configuration(format!(
        "{shown} has schema {}, and this binary knows {}.\n  Use the binary of its server; `signet migrate up` applies \
         missing steps.",
        status.applied, status.known
    )))
}

/// Writes into a copy what it is.
async fn describe(copy: &Path, now: Timestamp, schema: i64) -> Result<(), BackupError> {
    let digests = TableDigests::of_file(copy).await?;
    let mut file = BackupFile::open(copy, true).await?;
    let manifest = Manifest {
        version: build_info::VERSION.to_owned(),
        schema,
        at: now,
        rows: digests.rows(),
        digests: digests.digests(),
        keys: file.signing_keys().await?,
    };
    file.write_manifest(&manifest).await?;
    Ok(file.close().await?)
}
