//! Why an application cannot be opened, by remedy.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use crate::domain::outcome::Fault;

/// Why it could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Settings, files or the database must be changed first (exit code 78).
    Configuration(String),
    /// A temporary failure: another process is at work, a server cannot be reached, a disk is full (exit code 75).
    TryAgain(String),
    /// It conflicts with the present state (exit code 5).
    Conflict(String),
    /// Anything else (exit code 1).
    Failed(Fault),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::TryAgain(text) | Self::Conflict(text) => {
                f.write_str(text)
            }
            Self::Failed(fault) => fault.fmt(f),
        }
    }
}

impl OpenError {
    /// The error if `what` could not be created or written on disk because of `error`. A full disk is temporary;
    /// for anything else the operator reads `advice`.
    pub fn of_file(what: &str, error: &io::Error, advice: &str) -> Self {
        if is_full(error) {
            return Self::TryAgain(format!("{what}: the disk is full ({error}).\n  {MAKE_ROOM}"));
        }
        Self::Configuration(format!("{what}: {error}.\n  {advice}"))
    }
}

/// The advice for a full disk.
pub(super) const MAKE_ROOM: &str = "Free some space and start again; no data are lost.";

/// Whether there is no space: on the disk, within a quota, or within a limit of the process.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Tries to write a little in `directory`. SQLite reports "disk I/O error" when it cannot allocate its shared
/// memory, and also for a broken disk.
///
/// # Errors
/// Why it cannot be written.
pub(super) fn try_writing(directory: &Path) -> io::Result<()> {
    // The size of the shared memory of a write-ahead log and one page.
    let some = [0; 40 * 1024];
    let mut file = tempfile::tempfile_in(directory)?;
    file.write_all(&some)?;
    file.sync_all()
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}
