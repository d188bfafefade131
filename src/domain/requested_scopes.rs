//! The scopes of a request, before granting.
//!
//! `grant` decides which of them exist and are granted.

use std::collections::HashSet;

use super::scope::{MalformedScope, Scopes, is_scope_byte};

/// The longest text of requested scopes, in bytes.
const MAX_TEXT: usize = 4 * 1024;

/// The `scope` of a request without duplicates, including unknown scopes.
///
/// Bounded by its length in bytes only, because it is stored as text. Unlike [`Scopes`], it cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestedScopes(String);

impl RequestedScopes {
    /// Parses a space-separated list; an empty text is the empty set.
    ///
    /// # Errors
    /// When a scope has a character outside RFC 6749 §3.3, or the text is longer than 4 KiB.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        if text.len() > MAX_TEXT {
            return Err(MalformedScope);
        }
        let mut known = HashSet::new();
        let mut scopes = Vec::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if !scope.bytes().all(is_scope_byte) {
                return Err(MalformedScope);
            }
            if known.insert(scope) {
                scopes.push(scope);
            }
        }
        Ok(Self(scopes.join(" ")))
    }

    /// The scopes in the order in which they were requested.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes as text, separated by spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scopes that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let other: HashSet<&str> = other.iter().collect();
        self.only(|scope| !other.contains(scope))
    }

    /// The scopes of `granted` that are requested.
    #[must_use]
    pub fn among(&self, granted: &Scopes) -> Scopes {
        let requested: HashSet<&str> = self.iter().collect();
        granted.only(|scope| requested.contains(scope))
    }

    /// The scopes for which `keep` is true, in the same order.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.iter().filter(|scope| keep(scope)).collect::<Vec<_>>().join(" "))
    }

    /// The union of both sets.
    #[must_use]
    pub fn with<'a>(&'a self, others: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: HashSet<&str> = self.iter().collect();
        let mut scopes: Vec<&str> = self.iter().collect();
        scopes.extend(others.into_iter().filter(|other| known.insert(*other)));
        Self(scopes.join(" "))
    }
}

impl From<&Scopes> for RequestedScopes {
    fn from(scopes: &Scopes) -> Self {
        Self(scopes.to_string())
    }
}

impl serde::Serialize for RequestedScopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for RequestedScopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a list of scopes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    fn requested(text: &str) -> RequestedScopes {
        RequestedScopes::parse(text).unwrap()
    }

    #[test]
    fn requested_scopes_are_limited_by_grammar_and_length_only() {
        let long = "x".repeat(4_096);
        assert_eq!(requested(&long).as_str(), long);
        let many: Vec<String> = (0..800).map(|n| n.to_string()).collect();
        assert_eq!(requested(&many.join(" ")).iter().count(), 800);
        assert_eq!(requested("  b a  b ").as_str(), "b a");
        assert!(requested("").is_empty() && requested("   ").is_empty());
        for bad in ["a\"b", "a\\b", "a\tb", "ü", "a\nb", &"x".repeat(4_097)] {
            assert_eq!(RequestedScopes::parse(bad), Err(MalformedScope), "{bad:.20}");
        }
    }

    #[test]
    fn requested_scopes_are_compared_as_sets() {
        assert!(requested("a b").without(&requested("c b a")).is_empty());
        assert_eq!(requested("e a d").without(&requested("c b a")), requested("e d"));
        assert!(requested("").without(&requested("")).is_empty());
        assert_eq!(requested("d b").among(&scopes("a b")), scopes("b"));
        assert_eq!(requested("b").with(["a", "b"]).as_str(), "b a");
        assert_eq!(requested("").with([]).as_str(), "");
        assert_eq!(RequestedScopes::from(&scopes("a b")).as_str(), "a b");
        let text = serde_json::to_string(&requested("a b")).unwrap();
        assert_eq!(serde_json::from_str::<RequestedScopes>(&text).unwrap(), requested("a b"));
    }
}
