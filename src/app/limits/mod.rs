//! What this process counts in memory to slow attackers down.

mod address_limiter;
mod attempt_gate;
mod seen_networks;

pub use address_limiter::{AddressLimiter, network};
pub use attempt_gate::{AttemptGate, PendingAttempt};
pub use seen_networks::SeenNetworks;
