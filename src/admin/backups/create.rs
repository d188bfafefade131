//! Making a backup beside the server that is served.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::app::App;
use crate::app::startup::{OpenError, create_directory};
use crate::base::Timestamp;
use crate::base::build_info;
use crate::config::Database;
use crate::domain::age_key::Recipient;
use crate::domain::audit::{Event, EventKind};
use crate::domain::backup_name::BackupName;
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, Manifest, snapshot};
use crate::store::migrate;

use super::proof::{Proof, prove};
use super::{BackupError, seal, sums};

/// How the names of unfinished files begin.
const UNFINISHED: &str = ".signet-unfinished-";
/// The least room beside the copies that the log of a busy server may need, in bytes.
const LEAST_LOG: u64 = 64 * 1024 * 1024;
/// The most that is demanded for it: 2 GiB.
const MOST_LOG: u64 = 2 * 1024 * 1024 * 1024;

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The file.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Whether it is sealed.
    pub is_sealed: bool,
    /// What was proven of it.
    pub proof: Proof,
}

/// Copies the database into `to`, proves the copy, seals it for `recipients` if there are any, and gives it its name. The
/// server goes on serving meanwhile. An interrupted run leaves a file that the next one removes, and no backup.
///
/// # Errors
/// When the database is not SQLite, there is no room, or the copy is no good.
pub async fn create(
    app: &App,
    to: &Path,
    recipients: &[Recipient],
    info: &RequestInfo,
) -> Result<Created, BackupError> {
    if !matches!(app.config.database, Database::Sqlite(_)) {
        return Err(BackupError::configuration(
            "SIGNET_DATABASE_URL names a PostgreSQL database, and this copies SQLite.\n  Use pg_dump, snapshots or \
             point-in-time recovery, and keep the master key apart.",
        ));
    }
    let in_directory = |error: io::Error| BackupError::of_file("writing to", to, &error);
    create_directory(to).map_err(in_directory)?;
    remove_unfinished(to).map_err(in_directory)?;
    require_room(app, to).await?;
    let copy = unfinished(to).map_err(in_directory)?;
    snapshot(&app.db, copy.path()).await?;
    describe(app, copy.path(), info.now).await?;
    let scratch = Builder::new().prefix(UNFINISHED).tempdir_in(to).map_err(in_directory)?;
    let proof = prove(&app.config, copy.path(), "the copy", scratch.path()).await?;
    scratch.close().map_err(in_directory)?;
    let (file, digest) = if recipients.is_empty() {
        let digest = sums::of_file(copy.path()).map_err(in_directory)?;
        (copy, digest)
    } else {
        let sealed = unfinished(to).map_err(in_directory)?;
        let digest = seal::seal(recipients, copy.path(), &sealed)?;
        (sealed, digest)
    };
    let is_sealed = !recipients.is_empty();
    let name = BackupName { at: info.now, schema: proof.manifest.schema, digest, is_sealed };
    let path = to.join(name.to_string());
    let bytes = place(file, &path).map_err(in_directory)?;
    let created = Created { path, bytes, is_sealed, proof };
    record(app, &name, info).await?;
    Ok(created)
}

async fn record(app: &App, name: &BackupName, info: &RequestInfo) -> Result<(), BackupError> {
    let event = Event::new(EventKind::BackupCreated).detail(name.to_string());
    app.transaction_or_nothing(info, async |tx| Ok(tx.record(&event).await?)).await?;
    Ok(())
}

/// Gives a whole file its name, for good. Its size.
fn place(file: NamedTempFile, path: &Path) -> io::Result<u64> {
    file.as_file().sync_all()?;
    let bytes = file.as_file().metadata()?.len();
    file.persist_noclobber(path).map_err(|error| error.error)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(bytes)
}

/// A file (0600) that is removed again unless it gets a name, and that is locked while somebody works on it.
fn unfinished(to: &Path) -> io::Result<NamedTempFile> {
    let file = Builder::new().prefix(UNFINISHED).tempfile_in(to)?;
    file.as_file().try_lock().map_err(io::Error::from)?;
    Ok(file)
}

/// Removes what interrupted runs have left: files that no process holds, and directories.
fn remove_unfinished(directory: &Path) -> io::Result<()> {
    let mut is_busy = false;
    let mut directories = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            directories.push(entry.path());
        } else if File::open(entry.path())?.try_lock().is_ok() {
            fs::remove_file(entry.path())?;
        } else {
            is_busy = true;
        }
    }
    // A run that goes on works in one of them.
    if !is_busy {
        directories.iter().try_for_each(fs::remove_dir_all)?;
    }
    Ok(())
}

/// Writes into the copy what it is.
async fn describe(app: &App, copy: &Path, now: Timestamp) -> Result<(), BackupError> {
    let mut file = BackupFile::open(copy, true).await?;
    let manifest = Manifest {
        version: build_info::VERSION.to_owned(),
        schema: migrate::status(&app.db).await?.applied,
        at: now,
        rows: file.count_rows().await?,
        keys: file.signing_keys().await?,
    };
    file.write_manifest(&manifest).await?;
    Ok(file.close().await?)
}

/// Refuses to begin without room for the copy, the copy that is proven, the sealed one, and the log, which grows while
/// the copy is made because it cannot begin anew: by as much again as the database on a busy server.
async fn require_room(app: &App, to: &Path) -> Result<(), BackupError> {
    let sizes = app.db.sizes().await?;
    let size = sizes.database.unwrap_or_default() + sizes.log.unwrap_or_default();
    let needed = size.saturating_mul(3) + size.saturating_mul(2).clamp(LEAST_LOG, MOST_LOG);
    let free = rustix::fs::statvfs(to).map_err(|error| {
        BackupError::of_file("looking for room in", to, &io::Error::from(error))
    })?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if free >= needed {
        return Ok(());
    }
    const MIB: u64 = 1024 * 1024;
    Err(BackupError::Open(OpenError::TryAgain(format!(
        "{} has {} MiB free, and a backup needs {} MiB there: the copy, the copy that is proven, and what is written \
         meanwhile.\n  Make room, or name another directory in --to or SIGNET_BACKUP_DIR.",
        to.display(),
        free / MIB,
        needed / MIB
    ))))
}
