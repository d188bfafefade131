//! Backups: a copy of the database that is verified before it counts, restoring one, and keeping the right ones.
//!
//! Owns what a backup is. How SQLite copies itself is in `store/backup_file.rs`, how rows of PostgreSQL come into a SQLite
//! file in `store/table_copy`, the seal in `crypto/age`.

mod carry_over;
pub(super) mod copies;
mod create;
mod disk_space;
mod error;
mod file_digest;
pub(super) mod owner;
mod plain_backup;
mod replace;
mod restore;
mod retention;
mod seal;
pub(super) mod table_digests;
mod undone;
mod verification;
mod verify;
mod watch;
mod workplace;

pub use carry_over::Carried;
pub use create::{BACKUP_JOB, Created, create};
pub use error::BackupError;
pub use restore::{Restored, prepare};
pub use retention::retain;
pub use undone::Undone;
pub use verification::Verification;
pub use verify::{refuse_backup, verify, verify_database};
pub(super) use workplace::Workplace;

use crate::domain::outcome::Fault;

/// Runs work that waits for the disk, or computes for long, on a thread of its own.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let ended = |error| Fault::internal("a thread that works on a backup ended").with_source(error);
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
