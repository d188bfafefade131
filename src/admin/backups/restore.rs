//! Looking into a backup, and putting one in the place of the database.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::app::startup::{create_directory, lock_out};
use crate::app::{App, AuditedTx};
use crate::base::{Clock as _, SystemClock, Timestamp};
use crate::config::{Config, Database};
use crate::crypto::age::Identity;
use crate::domain::audit::{Event, EventKind};
use crate::domain::backup_name::BackupName;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, fold_log};
use crate::store::revocations::Revoked;
use crate::store::{restored, session_generations};

use super::proof::{self, Proof, prove};
use super::undone::{self, Undone};
use super::{BackupError, seal, sums};

/// A database that was brought back.
#[derive(Debug)]
pub struct Restored {
    /// What was proven of the backup.
    pub proof: Proof,
    /// Where the database is now that was there before. None where there was none.
    pub before: Option<PathBuf>,
    /// What has happened since the backup and is undone. None where the database before cannot be read.
    pub undone: Option<Undone>,
}

/// Proves a backup on this machine. Changes nothing.
///
/// # Errors
/// When it cannot be read, is sealed for others, or is no good.
pub async fn verify(
    config: &Config,
    file: &Path,
    identity: Option<&Identity>,
) -> Result<Proof, BackupError> {
    let opened = Opened::of(file, identity, None)?;
    prove(config, opened.plain(), &opened.shown, opened.scratch.path()).await
}

/// Puts a backup in the place of the SQLite database that the settings name, which is kept beside it. Every session,
/// code and cookie that is out ends, and so do tokens at services that read the revocation feed.
///
/// # Errors
/// When a server works on the database, or the backup is no good. Then everything is as it was.
pub async fn restore(
    config: &Config,
    file: &Path,
    identity: Option<&Identity>,
) -> Result<Restored, BackupError> {
    let Database::Sqlite(path) = &config.database else {
        return Err(BackupError::configuration(
            "SIGNET_DATABASE_URL names a PostgreSQL database, and a backup is a SQLite database.\n  Set \
             SIGNET_DATABASE_URL to the SQLite database that it shall become.",
        ));
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    let in_directory = |error: io::Error| BackupError::of_file("writing to", directory, &error);
    create_directory(&config.data_dir).map_err(in_directory)?;
    let _lock = lock_out(config, "a database is not replaced while it is served")?;
    let opened = Opened::of(file, identity, Some(directory))?;
    let proof = prove(config, opened.plain(), &opened.shown, opened.scratch.path()).await?;
    let next =
        Builder::new().prefix(".signet-restore-").tempdir_in(directory).map_err(in_directory)?;
    let copy = next.path().join("signet.db");
    copy_private(opened.plain(), &copy).map_err(in_directory)?;
    let now = SystemClock.now();
    renew(config, next.path(), &opened.shown, now).await?;
    let undone = undone::by(path, &copy).await;
    if !fold_log(&copy).await? {
        return Err(Fault::internal("the new database has a log that cannot be moved").into());
    }
    let before = replace(&copy, path, now).await.map_err(in_directory)?;
    Ok(Restored { proof, before, undone })
}

/// Ends what the copy remembers as live, and what a restored database must not do again.
async fn renew(
    config: &Config,
    directory: &Path,
    shown: &str,
    now: Timestamp,
) -> Result<(), BackupError> {
    let mut file = BackupFile::open(&directory.join("signet.db"), true).await?;
    file.drop_manifest().await?;
    file.close().await?;
    let key = proof::prepare(config, directory, shown).await?;
    let mut config = proof::on(config, directory);
    (config.master_key, config.master_key_old) = (Some(key), None);
    let app = proof::open(config).await?;
    let ended = end_everything(&app, now).await;
    let emptied = app.db.empty_log().await;
    app.db.close().await;
    ended?;
    Ok(emptied?)
}

async fn end_everything(app: &App, now: Timestamp) -> Result<(), Failure> {
    let info = RequestInfo::cli(now);
    app.transaction_or_nothing(&info, async |tx: &mut AuditedTx| {
        session_generations::end_all(tx).await?;
        tx.cut(Revoked::Everything).await?;
        restored::forget_what_waits(tx).await?;
        restored::raise_cache_version(tx).await?;
        tx.app().replace_refresh_keys(tx, now).await?;
        tx.record(&Event::new(EventKind::BackupRestored)).await?;
        Ok(())
    })
    .await
}

/// Copies a file into a new one (0600), whatever the mode of the first is.
fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target).map(drop)
}

/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Gives the file `next` the name `path`, and keeps the database that has it. Returns the kept path. At every moment
/// the previous or the new database is there, with all its commits.
async fn replace(next: &Path, path: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    File::open(next)?.sync_all()?;
    let kept = if path.exists() {
        // Once the log is in the file, one rename is enough. A damaged database keeps its log beside it.
        let is_whole = fold_log(path).await.unwrap_or(false);
        Some(keep(path, now, is_whole)?)
    } else {
        None
    };
    for ending in BESIDE {
        match fs::remove_file(with_ending(path, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    // The second name of the previous database must be on the disk before its first one is taken.
    File::open(directory)?.sync_all()?;
    fs::rename(next, path)?;
    File::open(directory)?.sync_all()?;
    Ok(kept)
}

/// Gives the database a second name, and its log too if that is not in the file.
fn keep(path: &Path, now: Timestamp, is_whole: bool) -> io::Result<PathBuf> {
    let stamp: String =
        now.rfc3339().chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect();
    let kept = with_ending(path, &format!(".before-restore-{stamp}Z"));
    second_name(path, &kept)?;
    if !is_whole {
        for ending in BESIDE {
            let beside = with_ending(path, ending);
            if beside.exists() {
                second_name(&beside, &with_ending(&kept, ending))?;
            }
        }
    }
    Ok(kept)
}

/// Gives a file a second name; a copy where the file system has no hard links.
fn second_name(path: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(path, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => copy_private(path, name),
        Ok(()) => Ok(()),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A backup without its seal.
struct Opened {
    shown: String,
    file: PathBuf,
    unsealed: Option<NamedTempFile>,
    scratch: TempDir,
}

impl Opened {
    /// Opens a file. What is made on the way is in `directory`, or beside the file.
    fn of(
        file: &Path,
        identity: Option<&Identity>,
        directory: Option<&Path>,
    ) -> Result<Self, BackupError> {
        let shown = file.display().to_string();
        let reading = |error: io::Error| BackupError::of_file("reading", file, &error);
        check_digest(file, &shown)?;
        let is_sealed = seal::is_sealed(file).map_err(reading)?;
        let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let place = directory.or(beside).unwrap_or(Path::new("."));
        let scratch = Builder::new().prefix(".signet-proof-").tempdir_in(place);
        // A backup may lie where nothing can be written.
        let scratch = scratch.or_else(|_| tempfile::tempdir()).map_err(reading)?;
        let unsealed = match (is_sealed, identity) {
            (false, None) => None,
            (true, Some(identity)) => {
                let plain = NamedTempFile::new_in(scratch.path()).map_err(reading)?;
                seal::open(identity, file, &plain)?;
                Some(plain)
            }
            (true, None) => {
                return Err(BackupError::configuration(format!(
                    "{shown} is sealed.\n  Name the file with the age identity that opens it in --identity."
                )));
            }
            (false, Some(_)) => {
                return Err(BackupError::configuration(format!(
                    "{shown} is not sealed, so --identity has nothing to open.\n  Leave --identity out."
                )));
            }
        };
        Ok(Self { shown, file: file.to_owned(), unsealed, scratch })
    }

    /// The file without a seal.
    fn plain(&self) -> &Path {
        self.unsealed.as_ref().map_or(&*self.file, NamedTempFile::path)
    }
}

/// Compares a file with the digest in its name. A file of another name has none.
fn check_digest(file: &Path, shown: &str) -> Result<(), BackupError> {
    let found =
        sums::of_file(file).map_err(|error| BackupError::of_file("reading", file, &error))?;
    let name = file.file_name().and_then(|name| name.to_str()).and_then(BackupName::parse);
    match name {
        Some(name) if name.digest != found => Err(BackupError::Unproven(format!(
            "{shown} is damaged or cut: its SHA-256 begins with {found}, and its name says {}.\n  Take another backup.",
            name.digest
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_previous_database_is_kept_under_the_time_of_the_restore() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let old = "old".repeat(2_000);
        for (name, text) in [("signet.db", &*old), ("signet.db-wal", "log"), ("next", "new")] {
            fs::write(at(name), text).unwrap();
        }
        let now = Timestamp::parse("2026-11-28T03:00:00Z").unwrap();
        let kept = replace(&at("next"), &at("signet.db"), now).await.unwrap().unwrap();
        assert_eq!(kept, at("signet.db.before-restore-20261128T030000Z"));
        assert_eq!(fs::read(at("signet.db")).unwrap(), b"new");
        assert_eq!(fs::read_to_string(&kept).unwrap(), old);
        // It is not a database, so its log could not be moved into it.
        assert_eq!(fs::read(with_ending(&kept, "-wal")).unwrap(), b"log");
        assert!(!at("signet.db-wal").exists());
        // A second restore in the same second does not overwrite what the first has kept.
        fs::write(at("next"), "newer").unwrap();
        let again = replace(&at("next"), &at("signet.db"), now).await.unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(at("signet.db")).unwrap(), b"new");
    }
}
