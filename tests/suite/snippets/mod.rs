//! Every snippet that can run here, as `signet snippet` prints it: against hostile requests, an issuer that fails,
//! rotates its keys or ends sessions, and audiences that try to break out of their quotes.
//!
//! The gate runs `node` and `python` and their variants with the revocation feed; `SIGNET_TEST_SNIPPETS=all` runs all.

mod feed;
mod form;
mod keys;
mod language;
mod matrix;
mod printed;
mod quoting;
mod server;
pub mod subjects;

use crate::support::require;

/// The snippets of the gate.
const SAMPLE: [&str; 4] = ["node", "node-revocations", "python", "python-revocations"];

/// Whether this run tests the snippet.
fn is_chosen(name: &str) -> bool {
    SAMPLE.contains(&name)
        || require::variable("SIGNET_TEST_SNIPPETS").is_some_and(|all| all == "all")
}
