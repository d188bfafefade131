//! What a grant says about the clients that may use it.
//!
//! Owns the shape and what follows from a list of grants. Which grants there are is said by those
//! that implement them (`oauth::grants`); the rules for registered clients read that list.

use super::client_type::ClientType;

/// A grant, as far as registering a client depends on it.
#[derive(Debug, Clone, Copy)]
pub struct GrantInfo {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether clients that do not authenticate may use it: a user or a session is needed besides.
    pub public_clients: bool,
    /// Whether it sends a user to the authorization endpoint and back to a redirect URI.
    pub redirects_user: bool,
    /// The types of clients that have it unless an administrator says otherwise.
    pub default_for: &'static [ClientType],
}

/// The grant of this name.
#[must_use]
pub fn find<'a>(grants: &'a [GrantInfo], name: &str) -> Option<&'a GrantInfo> {
    grants.iter().find(|grant| grant.name == name)
}

/// The names of the grants a client of this type starts with.
#[must_use]
pub fn defaults(grants: &[GrantInfo], client_type: ClientType) -> Vec<String> {
    let of_type = grants.iter().filter(|grant| grant.default_for.contains(&client_type));
    of_type.map(|grant| grant.name.to_owned()).collect()
}
