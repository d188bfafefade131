//! Ends a copy before its end, when the disk fills or the server stops.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::app::App;
use crate::app::startup::OpenError;
use crate::config::Database;

use super::BackupError;
use super::room::{LEAST_PART, room};

/// Why a copy was ended before its end.
const FULL: u8 = 1;
const STOPPING: u8 = 2;

/// Watches the room while a copy is made, and whether the server stops.
#[derive(Clone)]
pub(super) struct Watch {
    directories: [Option<PathBuf>; 2],
    app: Option<App>,
    ended: Arc<AtomicU8>,
}

impl Watch {
    /// For a copy of `database` that is made in `to`, in the process of `app` if it is one that can stop.
    pub(super) fn new(app: Option<&App>, database: &Database, to: &Path) -> Self {
        let beside = match database {
            Database::Sqlite(path) => path.parent().map(Path::to_owned),
            Database::Postgres(_) => None,
        };
        let directories = [Some(to.to_owned()), beside];
        Self { directories, app: app.cloned(), ended: Arc::default() }
    }

    /// Whether the copy goes on.
    pub(super) fn goes_on(&self) -> bool {
        let is_low =
            |directory: &PathBuf| room(directory).is_ok_and(|(free, all)| free < all / LEAST_PART);
        let ended = if self.app.as_ref().is_some_and(|app| app.is_draining()) {
            STOPPING
        } else if self.directories.iter().flatten().any(is_low) {
            FULL
        } else {
            return true;
        };
        self.ended.store(ended, Ordering::Relaxed);
        false
    }

    /// Refuses to go on between two steps.
    pub(super) fn check(&self) -> Result<(), BackupError> {
        if self.goes_on() {
            return Ok(());
        }
        self.reason().map_or(Ok(()), Err)
    }

    /// Why it ended, if it was ended from here.
    pub(super) fn reason(&self) -> Option<BackupError> {
        let text = match self.ended.load(Ordering::Relaxed) {
            FULL => {
                "less than 5 % of the disk is free, so the copy was ended.\n  Make room, or name another directory in --to \
                 or SIGNET_BACKUP_DIR."
            }
            STOPPING => {
                "the server stops, so the copy was ended.\n  It is made after the next start."
            }
            _ => return None,
        };
        Some(BackupError::Open(OpenError::TryAgain(text.to_owned())))
    }
}
