//! Ends a copy before its end, when the disk fills or the server stops.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::app::App;
use crate::app::startup::OpenError;
use crate::config::Database;

use super::BackupError;
use super::disk_space::{ADVICE, LEAST_PART, free_and_total};

/// Watches the free space while a copy is made, and whether the server stops.
#[derive(Clone)]
pub(super) struct Watch {
    to: PathBuf,
    /// The directory of a SQLite database, whose log grows while it is copied.
    beside: Option<PathBuf>,
    app: Option<App>,
    /// Why the copy was ended. It stays: the copy is of no use any more.
    ended: Arc<OnceLock<String>>,
}

impl Watch {
    /// For a copy of `database` that is made in `to`, in the process of `app` if it is one that can stop.
    pub(super) fn new(app: Option<&App>, database: &Database, to: &Path) -> Self {
        let beside = match database {
            Database::Sqlite(path) => path.parent().map(Path::to_owned),
            Database::Postgres(_) => None,
        };
        Self { to: to.to_owned(), beside, app: app.cloned(), ended: Arc::default() }
    }

    /// Whether the copy may continue.
    pub(super) fn may_continue(&self) -> bool {
        let Some(reason) = self.reason_now() else { return true };
        let _ = self.ended.set(reason);
        false
    }

    fn reason_now(&self) -> Option<String> {
        if self.app.as_ref().is_some_and(App::is_draining) {
            let text =
                "the server stops, so the copy was ended.\n  It is made after the next start.";
            return Some(text.to_owned());
        }
        let is_low = |directory: &Path| {
            free_and_total(directory).is_ok_and(|(free, all)| free < all / LEAST_PART)
        };
        let low = |directory: &Path, advice: &str| {
            format!(
                "less than 5 % of the disk of {} is free, so the copy was ended.\n  {advice}.",
                directory.display()
            )
        };
        if is_low(&self.to) {
            return Some(low(&self.to, ADVICE));
        }
        self.beside
            .as_deref()
            .filter(|beside| is_low(beside))
            .map(|beside| low(beside, "Free some of it"))
    }

    /// Refuses to go on between two steps.
    pub(super) fn check(&self) -> Result<(), BackupError> {
        self.may_continue();
        self.reason().map_or(Ok(()), Err)
    }

    /// Why it ended, if it was ended from here.
    pub(super) fn reason(&self) -> Option<BackupError> {
        self.ended.get().map(|text| BackupError::Open(OpenError::TryAgain(text.clone())))
    }
}
