//! The room that a backup needs, before and while it is made.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::app::App;
use crate::app::startup::OpenError;
use crate::config::Database;
use crate::store::Db;

use super::BackupError;

const MIB: u64 = 1024 * 1024;
/// What a backup needs besides copies of the database: manifest, journals, directories.
const MARGIN: u64 = MIB;
/// The least and the most room that the log of a busy server may need while the copy is made, because it cannot begin
/// anew meanwhile.
const LOG: (u64, u64) = (64 * MIB, 2048 * MIB);
/// A copy ends when less than one part in so many of the file system is free.
const LEAST_PART: u64 = 20;

/// Refuses to begin without room in `to` for the copy, the copy that is proven and the sealed one, and beside the
/// database for its log.
pub(super) async fn require(db: &Db, database: &Database, to: &Path) -> Result<(), BackupError> {
    let size = db.content_bytes().await?;
    let mut needed = size.saturating_mul(3) + MARGIN;
    if let Database::Sqlite(path) = database {
        let log = size.saturating_mul(2).clamp(LOG.0, LOG.1);
        let beside = path.parent().unwrap_or(Path::new("."));
        if is_one_file_system(beside, to) {
            needed += log;
        } else {
            require_free(beside, log, "the write-ahead log, which grows while the copy is made")?;
        }
    }
    let what = "three copies of the database and what is written meanwhile";
    require_free(to, needed, what)
}

fn require_free(directory: &Path, needed: u64, what: &str) -> Result<(), BackupError> {
    let looking = |error| BackupError::of_file("looking for room in", directory, &error);
    let (free, _) = room(directory).map_err(looking)?;
    if free >= needed {
        return Ok(());
    }
    Err(BackupError::Open(OpenError::TryAgain(format!(
        "{} has {} MiB free, and a backup needs {} MiB there: {what}.\n  Make room, or name another directory in --to or \
         SIGNET_BACKUP_DIR.",
        directory.display(),
        free / MIB,
        needed.div_ceil(MIB)
    ))))
}

fn is_one_file_system(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| path.metadata().ok().map(|facts| facts.dev());
    device(one).is_some() && device(one) == device(other)
}

/// The bytes that are free for an unprivileged process on the file system of `directory`, and those in all.
fn room(directory: &Path) -> io::Result<(u64, u64)> {
    let facts = rustix::fs::statvfs(directory)?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    Ok((bytes(facts.f_bavail), bytes(facts.f_blocks)))
}

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
