//! Requests under way, sealed and handed to who will finish them: nothing is stored for clients and users
//! that have not authenticated.
//!
//! Owns the sealed form. When it expires is `domain::validity`'s; what is sealed, and for whom, is
//! `pending_request`'s and `authorize_challenge`'s.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::domain::outcome::Fault;

/// Seals a value. Its JSON is padded to a multiple of `padding` bytes, so that the length says little.
///
/// # Errors
/// Only when the crypto library fails.
pub(super) fn seal(
    app: &App,
    purpose: &str,
    value: &impl Serialize,
    padding: usize,
) -> Result<Vec<u8>, Fault> {
    let mut plain = serde_json::to_vec(value)
        .map_err(|error| Fault::internal("writing a request under way").with_source(error))?;
    // JSON may end in blanks.
    plain.resize(plain.len().next_multiple_of(padding), b' ');
    app.seal.newest().seal(purpose, &plain)
}

/// Opens what was sealed for `purpose`. None when it was not, or was altered.
pub(super) fn unseal<T: DeserializeOwned>(app: &App, purpose: &str, sealed: &[u8]) -> Option<T> {
    let plain = app.seal.open(purpose, sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
