//! Scopes: what a token may be used for (RFC 6749 §3.3).
//!
//! Owns their syntax, and the type that proves a set of scopes was granted rather than asked for.

use std::fmt;

use crate::domain::api::Target;
use crate::domain::user::Role;

/// The scope that opens `/v1/admin`, granted only when asked for and only to administrators.
pub const ADMIN: &str = "signet:admin";

/// The most scopes one request may name.
const MAX_SCOPES: usize = 64;
/// The longest scope, in bytes.
const MAX_SCOPE: usize = 128;

/// A set of scopes without repetitions, in the order they were named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<String>);

/// The text is not a list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedScope;

impl Scopes {
    /// Parses a space-separated list; an empty text is the empty set.
    ///
    /// # Errors
    /// When a scope has a character outside RFC 6749 §3.3 (`%x21 / %x23-5B / %x5D-7E`), is longer
    /// than 128 bytes, or there are more than 64.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        if text.len() > MAX_SCOPES * (MAX_SCOPE + 1) {
            return Err(MalformedScope);
        }
        let mut scopes: Vec<String> = Vec::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if !is_scope(scope) || scopes.len() == MAX_SCOPES {
                return Err(MalformedScope);
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Ok(Self(scopes))
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known == scope)
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// Whether `text` is one scope-token of RFC 6749 §3.3 of acceptable length.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_SCOPE
        && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

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
    fn repeated_and_spaced_scopes_are_one_set() {
        assert_eq!(scopes("  a b  a ").to_string(), "a b");
        assert_eq!(scopes("").to_string(), "");
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "ü", "a\nb", &"x".repeat(129), &"x ".repeat(10_000)] {
            let asked = Scopes::parse(bad);
            assert!(asked.is_err() || bad.starts_with("x "), "{bad:?}");
        }
        let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
        assert_eq!(Scopes::parse(&many.join(" ")), Err(MalformedScope));
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
