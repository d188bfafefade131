//! Granting: from scopes that were asked for to scopes a token may carry.
//!
//! Owns the decision and the type that proves it was taken. What scopes are is `scope`, what an API
//! offers is `api`.

use super::api::Target;
use super::scope::{ADMIN, Scopes};
use super::user::Role;

/// Scopes that were checked against what the target offers and the user may have.
///
/// Only [`grant`] makes one, so nothing can issue a token with scopes that were merely asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedScopes(Scopes);

impl GrantedScopes {
    /// The granted set.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.0
    }
}

/// Whether every scope asked for exists at `target`; what can be said before anyone authenticates.
#[must_use]
pub fn offered(target: &Target, asked: &Scopes) -> bool {
    asked.iter().all(|scope| match target {
        Target::Issuer => scope == ADMIN,
        Target::Api(api) => api.scopes.contains(scope),
    })
}

/// Grants all that was asked for, or nothing.
///
/// A scope that does not exist at the target, or that this user may not have, refuses the whole
/// request (RFC 6749 §5.2 `invalid_scope`) instead of being dropped: a client that asked for more
/// than it gets should learn it here and not at the API.
#[must_use]
pub fn grant(target: &Target, asked: Scopes, role: Role) -> Option<GrantedScopes> {
    let allowed = offered(target, &asked) && (!asked.contains(ADMIN) || role == Role::Admin);
    allowed.then_some(GrantedScopes(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api::Api;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn admin_needs_the_role_and_the_issuer() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("orders:read")).unwrap());
        assert!(grant(&Target::Issuer, scopes(ADMIN), Role::Admin).is_some());
        assert!(grant(&Target::Issuer, scopes(ADMIN), Role::User).is_none());
        assert!(grant(&api, scopes(ADMIN), Role::Admin).is_none());
        assert!(grant(&api, scopes("orders:read"), Role::User).is_some());
        assert!(grant(&api, scopes("orders:write"), Role::Admin).is_none());
        assert!(grant(&Target::Issuer, scopes("orders:read"), Role::Admin).is_none());
    }
}
