//! Why an application cannot be opened, sorted by what helps.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use crate::domain::outcome::Fault;

/// Why it could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Something about settings, files or the database has to be changed first (exit code 78).
    Configuration(String),
    /// It passes: another process is at work, a server cannot be reached, a disk is full. Try again (exit
    /// code 75).
    TryAgain(String),
    /// It conflicts with what is there (exit code 5).
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
    /// Why something on disk cannot be made or written: `what` cannot be done, because of `error`. A full
    /// disk passes; anything else is a matter for the operator, who reads `advice`.
    pub fn of_file(what: &str, error: &io::Error, advice: &str) -> Self {
        if is_full(error) {
            return Self::TryAgain(format!("{what}: the disk is full ({error}).\n  {MAKE_ROOM}"));
        }
        Self::Configuration(format!("{what}: {error}.\n  {advice}"))
    }
}

/// What helps against a full disk.
pub(super) const MAKE_ROOM: &str = "Make room and start again; nothing is lost.";

/// Whether there is no room: on the disk, within a quota, or within a limit of the process.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether a little more can be written in `directory`. SQLite says "disk I/O error" where it cannot make
/// room for the memory it shares between processes, and that may as well be a broken disk.
///
/// # Errors
/// Why it cannot.
pub(super) fn try_writing(directory: &Path) -> io::Result<()> {
    // As much as the shared memory of a write-ahead log and one page.
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
