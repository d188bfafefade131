//! Scopes (RFC 6749 §3.3).
//!
//! Owns their syntax. Granting is in `grant`; administration scopes are in `permission`.

use std::fmt;

pub use super::requested_scopes::RequestedScopes;

/// The prefix of the issuer's own scopes.
const RESERVED: &str = "signet:";

/// The most scopes one request may name.
const MAX_SCOPES: usize = 64;
/// The longest scope, in bytes.
const MAX_SCOPE: usize = 128;

/// A set of scopes, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<String>);

/// The text is not a list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedScope;

/// Whether `scope` is one of the issuer's own, which no API and no registered client has.
#[must_use]
pub fn is_reserved(scope: &str) -> bool {
    scope.starts_with(RESERVED)
}

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

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is a subset of `other`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.contains(scope))
    }

    /// The union of both sets.
    #[must_use]
    pub fn with<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = self.clone();
        for scope in others {
            if !all.contains(scope) {
                all.0.push(scope.to_owned());
            }
        }
        all
    }

    /// The scopes for which `keep` is true, in the same order.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|scope| keep(scope)).cloned().collect())
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a list of scopes"))
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
    !text.is_empty() && text.len() <= MAX_SCOPE && text.bytes().all(is_scope_byte)
}

/// Whether RFC 6749 §3.3 allows `byte` in a scope.
pub(super) const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
