//! Removing backups that the settings do not keep.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::domain::backup_name::BackupName;
use crate::domain::backup_retention::BackupRetention;

use super::{BackupError, file_digest, run_blocking};

/// What became of the backups in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// The names of those that were removed.
    pub removed: Vec<String>,
    /// The names of those whose content is not what their name says. They count for nothing and stay.
    pub damaged: Vec<String>,
    /// What could not be read or removed, and why. It stays.
    pub failed: Vec<String>,
}

/// Removes the backups in `directory` that `keep` does not keep. A file counts if it has the name of a verified backup and
/// its content has the digest in that name; the newest of these always stays.
///
/// # Errors
/// When the directory cannot be read.
pub async fn retain(directory: &Path, keep: BackupRetention) -> Result<Retained, BackupError> {
    let directory = directory.to_owned();
    run_blocking(move || {
        retained(&directory, keep)
            .map_err(|error| BackupError::of_file("removing old backups in", &directory, &error))
    })
    .await
}

fn retained(directory: &Path, keep: BackupRetention) -> io::Result<Retained> {
    let mut outcome = Retained::default();
    if keep == BackupRetention::All {
        return Ok(outcome);
    }
    let mut verified = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let Some(name) = BackupName::parse(&file).filter(|_| entry.path().is_file()) else {
            continue;
        };
        match file_digest::of_file(&entry.path()) {
            Ok(digest) if digest == name.digest => verified.push((name.at, file)),
            Ok(_) => outcome.damaged.push(file),
            Err(error) => outcome.failed.push(format!("{file} cannot be read: {error}")),
        }
    }
    let times: Vec<_> = verified.iter().map(|(at, _)| *at).collect();
    for index in keep.superfluous(&times) {
        let Some((_, file)) = verified.get(index) else { continue };
        match fs::remove_file(directory.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                outcome.failed.push(format!("{file} cannot be removed: {error}"));
            }
            _ => outcome.removed.push(file.clone()),
        }
    }
    File::open(directory)?.sync_all()?;
    outcome.damaged.sort();
    outcome.removed.sort();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    /// Writes a backup whose name is right, and returns the name.
    fn backup(directory: &Path, at: &str, content: &str) -> String {
        let path = directory.join("new");
        fs::write(&path, content).unwrap();
        let at = Timestamp::parse(at).unwrap();
        let digest = file_digest::of_file(&path).unwrap();
        let name = BackupName { at, schema: 35, digest, is_sealed: false }.to_string();
        fs::rename(&path, directory.join(&name)).unwrap();
        name
    }

    #[tokio::test]
    async fn only_sound_backups_count_and_the_newest_of_them_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let day = |day: u8| format!("2026-11-{day:02}T03:00:00Z");
        let names: Vec<String> =
            (20..=25).map(|number| backup(path, &day(number), &format!("{number}"))).collect();
        // The newest by its name is damaged; another file, and a directory, only look like backups.
        fs::write(path.join(&names[5]), "damaged").unwrap();
        fs::write(path.join("signet.db"), "not a backup").unwrap();
        fs::write(path.join("signet-20261101T030000Z-v0035-0123.db"), "not a backup").unwrap();
        fs::create_dir(path.join("signet-20261101T030000Z-v0035-0123456789abcdef.db")).unwrap();
        let kept = retain(path, "2d".parse().unwrap()).await.unwrap();
        assert_eq!(kept.removed, names[..3]);
        assert_eq!(kept.damaged, [&*names[5]]);
        for name in &names[3..] {
            assert!(path.join(name).exists(), "{name}");
        }
        assert_eq!(fs::read_dir(path).unwrap().count(), 6);
        // Again, and with a rule that keeps everything: nothing is left to do.
        assert_eq!(retain(path, "2d".parse().unwrap()).await.unwrap().removed, [""; 0]);
        assert_eq!(retain(path, BackupRetention::All).await.unwrap(), Retained::default());
        let kept = retain(path, "1m".parse().unwrap()).await.unwrap();
        assert_eq!(kept.removed, [&*names[3]]);
        assert!(path.join(&names[4]).exists());
    }

    #[tokio::test]
    async fn a_directory_that_does_not_exist_is_named() {
        let error = retain(Path::new("/nowhere/backups"), "1d".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/backups"), "{error}");
    }
}
