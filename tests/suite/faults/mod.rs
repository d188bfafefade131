//! Faults: acknowledged changes are kept whatever breaks, and no manual repair is necessary.
//!
//! Owns the faults and their moments: the process, the disk and its files, the lock, the clock, the memory,
//! the database server, the number of clients. `history` owns what must hold afterwards.

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
