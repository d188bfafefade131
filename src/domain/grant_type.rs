//! Which clients may use a grant.
//!
//! Owns the description of a grant. The grants are listed where they are implemented (`oauth::grants`); the
//! rules for registered clients use that list.

use super::client_type::ClientType;

/// A grant, as far as registering a client depends on it.
#[derive(Debug, Clone, Copy)]
pub struct GrantInfo {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether public clients may use it, because it also needs a user or a session.
    pub public_clients: bool,
    /// Whether it sends a user to the authorization endpoint and back to a redirect URI.
    pub redirects_user: bool,
    /// The types of clients that have it by default.
    pub default_for: &'static [ClientType],
}

/// The grant of this name.
#[must_use]
pub fn find<'a>(grants: &'a [GrantInfo], name: &str) -> Option<&'a GrantInfo> {
    grants.iter().find(|grant| grant.name == name)
}

/// The default grants of a client of this type.
#[must_use]
pub fn defaults(grants: &[GrantInfo], client_type: ClientType) -> Vec<String> {
    let of_type = grants.iter().filter(|grant| grant.default_for.contains(&client_type));
    of_type.map(|grant| grant.name.to_owned()).collect()
}
