//! Requests and authentications under way, sealed and handed to the caller that will finish them: nothing is
//! stored for clients and users that have not authenticated.
//!
//! Owns the sealed form. When it expires is `domain::validity`'s; what is sealed, and for which caller, is decided
//! by `oauth::sealed_request`, `oauth::authorize_challenge` and `identity::authentication`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::outcome::Fault;

use super::App;

/// Seals a value. Its JSON is padded to a multiple of `padding` bytes, so that the length says little.
///
/// # Errors
/// Only when the crypto library fails.
pub fn seal(
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

/// Opens what was sealed for `purpose`. None when it was sealed for another one, or was altered.
#[must_use]
pub fn unseal<T: DeserializeOwned>(app: &App, purpose: &str, sealed: &[u8]) -> Option<T> {
    let plain = app.seal.open(purpose, sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
