//! Copies of a database as one SQLite file: of a SQLite database and of a PostgreSQL one.

use std::path::Path;

use crate::app::startup::OpenError;
use crate::base::{Timestamp, build_info};
use crate::domain::outcome::{Fault, FaultKind};
use crate::store::backup_file::{BackupFile, Manifest, snapshot};
use crate::store::table_copy::Copier;
use crate::store::{Db, migrate};

use super::BackupError;
use super::room::Watch;
use super::table_sums::TableSums;

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
        of_server(db, to).await?;
    }
    describe(to, now, migrate::status(db).await?.applied).await
}

/// The fault of a copy. SQLite reports a full disk as an I/O error too, so the text says what to look at.
fn without_room(fault: Fault, to: &Path) -> BackupError {
    if fault.kind == FaultKind::Internal {
        return fault.into();
    }
    BackupError::Open(OpenError::TryAgain(format!(
        "{fault}.\n  Check that there is room in {} and beside the database, and try again.",
        to.parent().unwrap_or(to).display()
    )))
}

/// Copies the rows of a PostgreSQL database into a SQLite file of the same schema, and compares what was read with what
/// the file holds.
async fn of_server(db: &Db, to: &Path) -> Result<(), BackupError> {
    let file = Db::sqlite(to, false, db.deadlines()).await?;
    let migrated = migrate::up(&file).await;
    file.close().await;
    migrated?;
    let mut target = Copier::writing_file(to).await?;
    let into = target.tables().await?;
    target.clear(&into).await?;
    let mut source = Copier::reading(db).await?;
    let tables = source.tables().await?;
    let mut read = TableSums::default();
    for table in &into {
        if LEFT_OUT.contains(&&*table.name) {
            continue;
        }
        let from = tables.iter().find(|from| from.name == table.name);
        let from = from.ok_or_else(|| {
            Fault::internal("a table is missing in PostgreSQL").with_source(table.name.clone())
        })?;
        read.begin(&table.name);
        source.copy(from, &mut target, table, &mut read).await?;
    }
    source.discard().await;
    target.commit().await?;
    let found = TableSums::of_file(to).await?;
    match read.difference(&found) {
        None => Ok(()),
        Some(found) => Err(BackupError::Unproven(format!(
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
