//! A backup without its seal.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::crypto::age::Identity;
use crate::domain::backup_name::BackupName;

use super::workplace::{Workplace, copy_private};
use super::{BackupError, file_digest, seal};

/// A backup that can be read.
pub(super) struct PlainBackup {
    /// What people know it as.
    pub(super) shown: String,
    file: PathBuf,
    unsealed: Option<NamedTempFile>,
}

impl PlainBackup {
    /// Opens `file`. If it is sealed, the plain file is made in `work`.
    pub(super) fn of(
        file: &Path,
        identity: Option<&Identity>,
        work: &Workplace,
    ) -> Result<Self, BackupError> {
        let shown = file.display().to_string();
        check_digest(file, file, &shown)?;
        let is_sealed =
            seal::is_sealed(file).map_err(|error| BackupError::of_file("reading", file, &error))?;
        let unsealed = match (is_sealed, identity) {
            (false, None) => None,
            (true, Some(identity)) => {
                let plain = work
                    .file()
                    .map_err(|error| BackupError::of_file("writing to", work.path(), &error))?;
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
        Ok(Self { shown, file: file.to_owned(), unsealed })
    }

    /// The same with the plain file in `work`, where no other program changes it.
    pub(super) fn in_workplace(mut self, work: &Workplace) -> Result<Self, BackupError> {
        if self.unsealed.is_none() {
            let copy = work.path().join("plain.db");
            copy_private(&self.file, &copy)
                .map_err(|error| BackupError::of_file("copying", &self.file, &error))?;
            check_digest(&copy, &self.file, &self.shown)?;
            self.file = copy;
        }
        Ok(self)
    }

    /// The file without a seal.
    pub(super) fn plain(&self) -> &Path {
        self.unsealed.as_ref().map_or(&*self.file, NamedTempFile::path)
    }
}

/// Compares a file with the digest in the name `name`. Another name has none.
fn check_digest(file: &Path, name: &Path, shown: &str) -> Result<(), BackupError> {
    let found = file_digest::of_file(file)
        .map_err(|error| BackupError::of_file("reading", file, &error))?;
    let name = name.file_name().and_then(|name| name.to_str()).and_then(BackupName::parse);
    match name {
        Some(name) if name.digest != found => Err(BackupError::Unusable(format!(
            "{shown} is damaged or incomplete: its SHA-256 begins with {found}, and its name says {}.\n  Use another \
             backup.",
            name.digest
        ))),
        _ => Ok(()),
    }
}
