//! Files that root makes belong to the user whom they are for: the service must be able to use them.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

/// Gives `path` the owner and group of `like`, if this process is root's. Does nothing otherwise.
pub(in crate::admin) fn copy_owner(path: &Path, like: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (now, wanted) = (fs::metadata(path)?, fs::metadata(like)?);
    if (now.uid(), now.gid()) == (wanted.uid(), wanted.gid()) {
        return Ok(());
    }
    chown(path, Some(wanted.uid()), Some(wanted.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_stays_where_it_is_right() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        copy_owner(&file, directory.path()).unwrap();
        let (file, directory) = (file.metadata().unwrap(), directory.path().metadata().unwrap());
        assert_eq!((file.uid(), file.gid()), (directory.uid(), directory.gid()));
        assert!(
            copy_owner(Path::new("/nowhere/file"), Path::new("/nowhere")).is_err()
                || file.uid() != 0
        );
    }
}
