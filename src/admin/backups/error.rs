//! Why a backup cannot be made, verified or restored.

use std::fmt;
use std::io;
use std::path::Path;

use crate::app::startup::OpenError;
use crate::domain::outcome::{Failure, Fault};

/// Why it failed. Nothing is left behind, and nothing that existed has changed.
#[derive(Debug)]
pub enum BackupError {
    /// Settings, files or another process do not allow it.
    Open(OpenError),
    /// The copy was read and is damaged, incomplete or does not work: what was found, and in which file.
    Unusable(String),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Unusable(text) => f.write_str(text),
        }
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        Self::Open(fault.into())
    }
}

impl From<Failure> for BackupError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed(fault) => fault.into(),
            Failure::Refused(refusal) => {
                Self::Open(OpenError::Configuration(refusal.message.into_owned()))
            }
        }
    }
}

impl BackupError {
    /// Settings or files must be changed first.
    pub(super) fn configuration(text: impl Into<String>) -> Self {
        Self::Open(OpenError::Configuration(text.into()))
    }

    /// A file that cannot be made, read or written.
    pub(super) fn of_file(what: &str, path: &Path, error: &io::Error) -> Self {
        let advice = if matches!(what, "reading" | "opening" | "copying") {
            "Check its path, and that this user may read it."
        } else {
            "Check that the directory exists, and that the user signet runs as may write there."
        };
        Self::Open(OpenError::of_file(&format!("{what} {} failed", path.display()), error, advice))
    }
}
