//! Granting: from scopes that were asked for to scopes a token may carry.
//!
//! Owns the decision and the type that proves it was taken. What scopes are is `scope`, what an API
//! offers is `api`.

use super::api::Target;
use super::client::Client;
use super::oidc;
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
    asked.iter().all(|scope| target.offers(scope))
}

/// Why a client gets nothing of what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError {
    /// A scope that neither the target nor OpenID Connect has.
    Unknown,
    /// A scope that exists and that this client may not have.
    NotAllowed,
}

/// Grants a client what it asks for at `target`: all of it, or nothing (RFC 6749 §5.2), but for the
/// scopes of OpenID Connect that Signet has nothing to say about. Libraries ask for those unasked,
/// so they are dropped, which the answer's `scope` tells (OpenID Connect Core §3.1.2.1).
///
/// # Errors
/// Says whether a scope does not exist or is not for this client.
pub fn grant_client(
    target: &Target,
    client: &Client,
    asked: &Scopes,
) -> Result<GrantedScopes, ScopeError> {
    let granted = asked.only(|scope| !oidc::is_unsupported(scope));
    for scope in granted.iter() {
        // Administration is for log-ins at /v1: no client acts as an administrator.
        let exists = oidc::is_scope(scope) || (scope != ADMIN && target.offers(scope));
        if !exists {
            return Err(ScopeError::Unknown);
        }
        if !client.may_request_scope(scope) {
            return Err(ScopeError::NotAllowed);
        }
    }
    Ok(GrantedScopes(granted))
}

/// Fewer of scopes that were granted before, or the same: `asked` is known to be within them.
#[must_use]
pub fn subset(target: &Target, asked: Scopes) -> GrantedScopes {
    GrantedScopes(remaining(target, &asked))
}

/// What is left of scopes that were granted at log-in, now that `target` may offer others.
///
/// Never more than was granted (RFC 6749 §6), and nothing the API has withdrawn since. A scope that
/// is offered again comes back with the next refresh: the grant itself was not taken away.
#[must_use]
pub fn remaining(target: &Target, granted: &Scopes) -> Scopes {
    granted.only(|scope| oidc::is_scope(scope) || target.offers(scope))
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

    #[test]
    fn what_is_withdrawn_goes_and_nothing_is_added() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("c b")).unwrap());
        assert_eq!(remaining(&api, &scopes("a b")), scopes("b"));
        assert_eq!(remaining(&api, &scopes("")), scopes(""));
        assert_eq!(remaining(&api, &scopes("b c")), scopes("b c"));
        assert_eq!(remaining(&Target::Issuer, &scopes(ADMIN)), scopes(ADMIN));
    }
}
