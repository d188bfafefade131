//! Faults: what was acknowledged stays true, whatever breaks, and nobody has to help afterwards.
//!
//! Owns what is broken and when: the process, the disk and its files, the lock, the clock, the memory,
//! the database server, the crowd at the door. What must hold afterwards is `history`'s.

mod clock;
pub mod codes;
mod connections;
mod crowd;
pub mod disk;
mod files;
pub mod history;
mod kill;
mod lock;
mod log;
mod lost_database;
mod memory;
mod outgoing;
mod overload;
mod postgres;
mod replicas;
mod start;
mod stop;
mod syscalls;
