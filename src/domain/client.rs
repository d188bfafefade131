//! Clients: the applications sessions are opened through.
//!
//! Owns which clients exist. For now that is the built-in one; registered clients come here.

/// The built-in public first-party client, meant when no `client_id` is named.
pub const BUILT_IN: &str = "signet";

/// The client a request names.
#[must_use]
pub fn resolve(client_id: Option<&str>) -> Option<&'static str> {
    match client_id {
        None | Some(BUILT_IN) => Some(BUILT_IN),
        Some(_) => None,
    }
}
