//! Pending requests and authentications, sealed and sent to the caller: nothing is stored for unauthenticated
//! clients and users.
//!
//! Owns the sealed form. Expiry is in `domain::validity`; `oauth::sealed_request`, `oauth::authorize_challenge` and
//! `identity::authentication` decide what is sealed and for which caller.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::outcome::Fault;

use super::App;

/// Seals a value. Its JSON is padded to a multiple of `padding` bytes, so that the length reveals little.
///
/// # Errors
/// If the crypto library fails.
pub fn seal(
    app: &App,
    purpose: &str,
    value: &impl Serialize,
    padding: usize,
) -> Result<Vec<u8>, Fault> {
    let mut plain = serde_json::to_vec(value)
        .map_err(|error| Fault::internal("writing a pending request").with_source(error))?;
    // JSON may end with white space.
    plain.resize(plain.len().next_multiple_of(padding), b' ');
    app.seal.newest().seal(purpose, &plain)
}

/// Opens a value that was sealed for `purpose`. `None` if it was sealed for another purpose or altered.
#[must_use]
pub fn unseal<T: DeserializeOwned>(app: &App, purpose: &str, sealed: &[u8]) -> Option<T> {
    let plain = app.seal.open(purpose, sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
