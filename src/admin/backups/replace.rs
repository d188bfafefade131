//! Putting a file in the place of the database: at every moment the old or the new one is there, whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::Timestamp;
use crate::store::backup_file::fold_log;

use super::owner;
use super::workplace::copy_private;

/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Gives the file `next` the name `path`, and keeps what was there. Where that is now.
pub(super) async fn with(next: &Path, path: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let directory = path.parent().unwrap_or(Path::new("."));
    owner::follow(next, if path.exists() { path } else { directory })?;
    File::open(next)?.sync_all()?;
    let kept = if path.exists() {
        // With the log in the file, one rename is enough. A damaged database keeps its log beside it.
        let is_whole = fold_log(path).await.unwrap_or(false);
        Some(keep(path, now, is_whole)?)
    } else {
        None
    };
    for ending in BESIDE {
        remove(&with_ending(path, ending))?;
    }
    // A kept name must not be lost while the file has its second one no more.
    File::open(directory)?.sync_all()?;
    fs::rename(next, path)?;
    File::open(directory)?.sync_all()?;
    Ok(kept)
}

/// Gives the database a second name, which stays. That of a log too, where it is not in the file.
fn keep(path: &Path, now: Timestamp, is_whole: bool) -> io::Result<PathBuf> {
    let time =
        now.rfc3339().chars().filter(char::is_ascii_alphanumeric).take(15).collect::<String>();
    let kept = with_ending(path, &format!(".before-restore-{time}Z"));
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

/// A second name for a file; a copy where the file system has no such names.
fn second_name(path: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(path, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => copy_private(path, name).and_then(|_| owner::follow(name, path)),
        Ok(()) => Ok(()),
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
        let again = with(&at("next"), &at("signet.db"), now).await.unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(at("signet.db")).unwrap(), b"new");
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
