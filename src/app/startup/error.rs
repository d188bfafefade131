//! Why an application cannot be opened, sorted by what helps.

use std::fmt;

use crate::domain::outcome::Fault;

/// Why it could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Something about settings, files or the database has to be changed first (exit code 78).
    Configuration(String),
    /// Somebody else is at work; try again (exit code 75).
    TryAgain(String),
    /// Anything else (exit code 1).
    Failed(Fault),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::TryAgain(text) => f.write_str(text),
            Self::Failed(fault) => fault.fmt(f),
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}
