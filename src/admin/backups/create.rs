//! Making a backup beside the server that is served.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::app::App;
use crate::app::startup::create_directory;
use crate::domain::age_key::Recipient;
use crate::domain::audit::{Event, EventKind};
use crate::domain::backup_name::BackupName;
use crate::domain::request_info::RequestInfo;
use crate::store::scheduled_jobs;

use super::verification::{Verification, verify_copy};
use super::watch::Watch;
use super::workplace::Workplace;
use super::{BackupError, copies, disk_space, file_digest, owner, run_blocking, seal};

/// The name of the job that makes backups, under which their times are stored.
pub const BACKUP_JOB: &str = "backup";

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The file.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Whether it is sealed.
    pub is_sealed: bool,
    /// What was verified of it.
    pub verification: Verification,
}

/// Copies the database into `to`, verifies the copy, seals it for `recipients` if there are any, and gives it its name. The
/// server goes on serving meanwhile. An interrupted run leaves no backup, and nothing that the next one does not remove.
///
/// # Errors
/// When there is no room, the database or the directory cannot be used, or the copy is refused.
pub async fn create(
    app: &App,
    to: &Path,
    recipients: &[Recipient],
    info: &RequestInfo,
) -> Result<Created, BackupError> {
    let in_directory = |error: io::Error| BackupError::of_file("writing to", to, &error);
    prepare_directory(to).map_err(in_directory)?;
    disk_space::require(&app.db, &app.config.database, to).await?;
    let work = Workplace::within(to).map_err(in_directory)?;
    let copy = work.file().map_err(in_directory)?;
    let watch = Watch::new(Some(app), &app.config.database, to);
    copies::make(&app.db, copy.path(), info.now, watch.clone()).await?;
    watch.check()?;
    let scratch = work.subdirectory("verification").map_err(in_directory)?;
    let clock = std::sync::Arc::clone(&app.clock);
    let verification = verify_copy(&app.config, clock, copy.path(), "the copy", &scratch).await?;
    watch.check()?;
    let directory = to.to_owned();
    run_blocking(move || {
        fs::remove_dir_all(scratch)
            .map_err(|error| BackupError::of_file("writing to", &directory, &error))
    })
    .await?;
    let (is_sealed, sealed) = (!recipients.is_empty(), work.file().map_err(in_directory)?);
    let (recipients, directory) = (recipients.to_vec(), to.to_owned());
    let (at, schema) = (info.now, verification.manifest.schema);
    let finished = run_blocking(move || {
        let (file, digest) = sealed_for(&recipients, copy, sealed)?;
        let name = BackupName { at, schema, digest, is_sealed };
        let path = directory.join(name.to_string());
        let placed = place(file, &path, &directory);
        let bytes =
            placed.map_err(|error| BackupError::of_file("writing to", &directory, &error))?;
        Ok((name, path, bytes))
    });
    let (name, path, bytes) = finished.await?;
    drop(work);
    if let Err(error) = record(app, &name, to, info).await {
        tracing::warn!(%error, "the backup {name} was made, and is not in the audit trail");
    }
    Ok(Created { path, bytes, is_sealed, verification })
}

/// Makes the directory, if it is missing, for the user who owns the one that it is in.
fn prepare_directory(to: &Path) -> io::Result<()> {
    if create_directory(to)? {
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        owner::copy_owner(to, parent.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// The file that becomes the backup, and the beginning of its digest.
fn sealed_for(
    recipients: &[Recipient],
    copy: NamedTempFile,
    sealed: NamedTempFile,
) -> Result<(NamedTempFile, String), BackupError> {
    if recipients.is_empty() {
        let digest = file_digest::of_file(copy.path())
            .map_err(|error| BackupError::of_file("reading", copy.path(), &error))?;
        return Ok((copy, digest));
    }
    let digest = seal::seal(recipients, copy.path(), &sealed)?;
    Ok((sealed, digest))
}

/// Gives a whole file its name, for good. Its size.
fn place(file: NamedTempFile, path: &Path, directory: &Path) -> io::Result<u64> {
    owner::copy_owner(file.path(), directory)?;
    file.as_file().sync_all()?;
    let bytes = file.as_file().metadata()?.len();
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()?;
    Ok(bytes)
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes the event, and when the last backup was made if it is where the schedule expects it.
async fn record(
    app: &App,
    name: &BackupName,
    to: &Path,
    info: &RequestInfo,
) -> Result<(), BackupError> {
    let event = Event::new(EventKind::BackupCreated).detail(name.to_string());
    let is_usual = is_same_directory(to, &app.config.backups.directory);
    app.transaction_or_nothing(info, async |tx| {
        if is_usual {
            scheduled_jobs::note_success(tx, BACKUP_JOB, info.now).await?;
        }
        Ok(tx.record(&event).await?)
    })
    .await?;
    Ok(())
}
