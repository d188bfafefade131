//! Rate limits that this process keeps in memory.

mod address_limiter;
mod attempt_gate;
mod bounded_table;
mod bucket_table;
mod document_fetches;
mod standing;

pub use address_limiter::{AddressLimiter, Subject};
pub use attempt_gate::{AttemptGate, PendingAttempt};
#[cfg(feature = "test-support")]
pub use bucket_table::MAX_NETWORKS;
pub use document_fetches::{DocumentFetches, HOST_PAUSE, LoadError};
pub use standing::Standing;
