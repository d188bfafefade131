//! Backups: a copy of the database that is proven before it counts, and bringing one back.
//!
//! Owns what a backup is. How SQLite copies itself is in `store/backup_file.rs`, the seal in `crypto/age`.

mod create;
mod error;
mod proof;
mod restore;
mod seal;
mod sums;
mod undone;

pub use create::{Created, create};
pub use error::BackupError;
pub use proof::Proof;
pub use restore::{Restored, restore, verify};
pub use undone::Undone;
