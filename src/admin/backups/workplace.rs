//! The directory in which a backup is worked on: removed at the end, and by the next run if this one is killed.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

/// How the names of these directories begin.
const PREFIX: &str = ".signet-work-";
/// How often one is made anew that another run has removed before it was locked.
const TRIES: usize = 5;

/// A directory (0700) that is locked for as long as this lives.
pub(in crate::admin) struct Workplace {
    directory: TempDir,
    _lock: File,
}

impl Workplace {
    /// Makes one in `parent`, and removes those that killed runs have left there.
    pub(in crate::admin) fn within(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent)?;
        for _ in 0..TRIES {
            let private = Permissions::from_mode(0o700);
            let directory =
                Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
            let Ok(lock) = File::open(directory.path()) else { continue };
            let is_free = match lock.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                // Some file systems of a network lock no directories. What is left there is removed by hand.
                Err(TryLockError::Error(_)) => true,
            };
            if is_free && lock.metadata()?.nlink() > 0 {
                return Ok(Self { directory, _lock: lock });
            }
        }
        Err(io::Error::other("the directory for unfinished files was removed"))
    }

    /// Its path.
    pub(in crate::admin) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An empty file (0600) in it.
    pub(in crate::admin) fn file(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.path())
    }

    /// A directory (0700) in it.
    pub(super) fn subdirectory(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }
}

/// Removes directories that no process holds.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !is_ours || !entry.file_type()?.is_dir() {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else { continue };
        // In a directory for temporary files it may be that of another user.
        if lock.try_lock().is_ok()
            && let Err(error) = fs::remove_dir_all(entry.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} was left by a run that ended, and stays", entry.path().display());
        }
    }
    Ok(())
}

/// Copies a file into a new one (0600), whatever the mode of the first is. The number of bytes.
pub(super) fn copy_private(from: &Path, to: &Path) -> io::Result<u64> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut source = File::open(from)?;
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let bytes = io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_directories_are_removed_and_used_ones_stay() {
        let parent = tempfile::tempdir().unwrap();
        let abandoned = parent.path().join(format!("{PREFIX}old"));
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join("signet.db"), "plain").unwrap();
        fs::write(parent.path().join("signet.db"), "not ours").unwrap();
        let first = Workplace::within(parent.path()).unwrap();
        assert!(!abandoned.exists());
        first.file().unwrap().keep().unwrap();
        let second = Workplace::within(parent.path()).unwrap();
        assert!(first.path().exists() && second.path().exists());
        assert_eq!(first.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop((first, second));
        let left: Vec<_> = fs::read_dir(parent.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_copy_is_private_whatever_the_file_was() {
        let parent = tempfile::tempdir().unwrap();
        let (from, to) = (parent.path().join("from"), parent.path().join("to"));
        fs::write(&from, "text").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(copy_private(&from, &to).unwrap(), 4);
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(copy_private(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
