//! Putting a file in the place of the database: at every moment the old or the new one is there, whole.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::app::startup::OpenError;
use crate::base::Timestamp;
use crate::store::backup_file::fold_log;
use crate::store::error::is_damage;

use super::workplace::copy_private;
use super::{BackupError, owner};

/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// The beginning of a SQLite file.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// Gives the file `next` the name `path`, and keeps the database that was there under the name that is returned.
///
/// # Errors
/// When another process has the database open, or a file cannot be written. Then the database is as it was.
pub(super) async fn with(
    next: &Path,
    path: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>, BackupError> {
    let failed = |error: io::Error| BackupError::of_file("replacing", path, &error);
    let directory = path.parent().unwrap_or(Path::new("."));
    owner::copy_owner(next, if path.exists() { path } else { directory }).map_err(failed)?;
    File::open(next).and_then(|file| file.sync_all()).map_err(failed)?;
    let kept = if path.exists() { Some(keep(path, now).await?) } else { None };
    rename(next, path, directory).map_err(failed)?;
    Ok(kept)
}

/// The log at `path` is in the database by now, or has a second name.
fn rename(next: &Path, path: &Path, directory: &Path) -> io::Result<()> {
    for ending in BESIDE {
        remove(&with_ending(path, ending))?;
    }
    // The kept name must be on the disk before the file loses its other one.
    File::open(directory)?.sync_all()?;
    fs::rename(next, path)?;
    File::open(directory)?.sync_all()
}

/// Moves the log of the database into its file, and gives the file a second name, which stays. The log of a damaged
/// database cannot be moved, and gets a second name as well.
async fn keep(path: &Path, now: Timestamp) -> Result<PathBuf, BackupError> {
    let failed = |error: io::Error| BackupError::of_file("keeping", path, &error);
    let time =
        now.rfc3339().chars().filter(char::is_ascii_alphanumeric).take(15).collect::<String>();
    let ending = format!(".before-restore-{time}Z");
    if has_header(path).map_err(failed)? {
        match fold_log(path).await {
            Ok(true) => return free_name(path, &ending).map_err(failed),
            Ok(false) => {
                return Err(BackupError::Open(OpenError::TryAgain(format!(
                    "another process has {} open.\n  End it first: a command of signet or sqlite3, for instance.",
                    path.display()
                ))));
            }
            Err(fault) if !is_damage(&fault) => return Err(fault.into()),
            Err(_) => {}
        }
    }
    // SQLite deletes the log of a file that is no database, so it must not open it before the log has its second name.
    keep_with_log(path, &ending).map_err(failed)
}

fn keep_with_log(path: &Path, ending: &str) -> io::Result<PathBuf> {
    let kept = free_name(path, ending)?;
    for ending in BESIDE {
        let beside = with_ending(path, ending);
        if beside.exists() && !second_name(&beside, &with_ending(&kept, ending))? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
    }
    Ok(kept)
}

fn has_header(path: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    File::open(path)?.take(HEADER.len() as u64).read_to_end(&mut header)?;
    Ok(header == HEADER)
}

/// Gives the database a second name that nothing else has. One that an interrupted restore has given it is used again.
fn free_name(path: &Path, ending: &str) -> io::Result<PathBuf> {
    /// The most restores within a second.
    const TRIES: u32 = 100;
    for number in 1..TRIES {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let name = with_ending(path, &format!("{ending}{number}"));
        if second_name(path, &name)? {
            return Ok(name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A second name for a file; a copy where the file system has no such names. False if another file has the name.
fn second_name(path: &Path, name: &Path) -> io::Result<bool> {
    match fs::hard_link(path, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let (file, other) = (fs::metadata(path)?, fs::metadata(name)?);
            Ok((file.dev(), file.ino()) == (other.dev(), other.ino()))
        }
        Err(_) => match copy_private(path, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            copied => copied.and_then(|_| owner::copy_owner(name, path)).map(|()| true),
        },
        Ok(()) => Ok(true),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_former_database_is_kept_under_the_time_of_the_restore() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, text) in [("signet.db", "old"), ("signet.db-wal", "log"), ("next", "new")] {
            fs::write(at(name), text).unwrap();
        }
        let now = Timestamp::parse("2026-11-28T03:00:00Z").unwrap();
        let kept = with(&at("next"), &at("signet.db"), now).await.unwrap().unwrap();
        assert_eq!(kept, at("signet.db.before-restore-20261128T030000Z"));
        assert_eq!(fs::read(at("signet.db")).unwrap(), b"new");
        assert_eq!(fs::read(&kept).unwrap(), b"old");
        // It is no database, so its log could not be moved into it.
        assert_eq!(fs::read(with_ending(&kept, "-wal")).unwrap(), b"log");
        assert_eq!(names(directory.path()).len(), 3);

        // A second restore in the same second does not overwrite what the first has kept.
        fs::write(at("next"), "newer").unwrap();
        let again = with(&at("next"), &at("signet.db"), now).await.unwrap().unwrap();
        assert_eq!(again, at("signet.db.before-restore-20261128T030000Z-2"));
        assert_eq!(fs::read(&again).unwrap(), b"new");
        assert_eq!(fs::read(&kept).unwrap(), b"old");
        assert_eq!(fs::read(at("signet.db")).unwrap(), b"newer");
    }

    #[tokio::test]
    async fn the_name_that_an_interrupted_restore_has_given_is_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("signet.db"), "old").unwrap();
        fs::write(at("next"), "new").unwrap();
        let now = Timestamp::parse("2026-11-28T03:00:00Z").unwrap();
        let left = at("signet.db.before-restore-20261128T030000Z");
        fs::hard_link(at("signet.db"), &left).unwrap();
        assert_eq!(with(&at("next"), &at("signet.db"), now).await.unwrap(), Some(left));
        assert_eq!(names(directory.path()).len(), 2);
    }

    #[tokio::test]
    async fn without_a_database_nothing_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("next"), "new").unwrap();
        // The log of a database that was lost does not belong to the new one.
        fs::write(at("signet.db-wal"), "log").unwrap();
        let now = Timestamp::from_secs(0);
        assert_eq!(with(&at("next"), &at("signet.db"), now).await.unwrap(), None);
        assert_eq!(names(directory.path()), ["signet.db"]);
    }
}
