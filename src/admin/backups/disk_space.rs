//! The disk space that a backup needs, before and while it is made.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

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
pub(super) const LEAST_PART: u64 = 20;

/// What to do about a full disk of the directory of backups.
pub(super) const ADVICE: &str =
    "Free some of it, or name another directory in --to or SIGNET_BACKUP_DIR";

/// Refuses to begin without room in `to` for the copy, the copy that is verified and the sealed one, and beside the
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
            let what = "for the write-ahead log, which grows while the copy is made";
            require_free(beside, log, what, "Free some of it")?;
        }
    }
    let what = "for three copies of the database and what is written meanwhile";
    require_free(to, needed, what, ADVICE)
}

fn require_free(
    directory: &Path,
    needed: u64,
    what: &str,
    advice: &str,
) -> Result<(), BackupError> {
    let reading = |error| BackupError::of_file("reading the free space of", directory, &error);
    let (free, all) = free_and_total(directory).map_err(reading)?;
    // Below this part the copy would be ended before its end.
    let needed = needed.saturating_add(all / LEAST_PART);
    if free >= needed {
        return Ok(());
    }
    Err(BackupError::Open(OpenError::TryAgain(format!(
        "{} has {} MiB free, and a backup needs {} MiB there: {what}, and 5 % of the disk.\n  {advice}.",
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
pub(super) fn free_and_total(directory: &Path) -> io::Result<(u64, u64)> {
    let facts = rustix::fs::statvfs(directory)?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    Ok((bytes(facts.f_bavail), bytes(facts.f_blocks)))
}
