//! Faults: what was acknowledged stays true, whatever breaks, and nobody has to help afterwards.
//!
//! Owns what is broken and when: the process, the disk, the lock, the database server. What must
//! hold afterwards is `history`'s for processes that are killed.

mod disk;
pub mod history;
mod kill;
mod lost_database;
mod stop;
