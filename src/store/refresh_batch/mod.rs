//! Group commit of refreshes: `worker` collects callers and decides, `sql` reads and writes their rows.

pub mod sql;
mod worker;

pub use worker::{Presentation, Refreshed, Refresher};
