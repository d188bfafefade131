//! The path of the issuer, below which all routes are.
//!
//! Owns the mapping of request paths to routes, and of routes to public addresses. Both are the identity if the
//! issuer has no path.

use std::fmt;

/// Documents with an additional address that ends with the path of the issuer (RFC 8414 §3.1; for OpenID Connect
/// its section 5), besides the one below that path (OpenID Connect Discovery §4).
const METADATA: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// The paths of probes, which are sent to the listening address without a proxy.
const PROBES: [&str; 3] = ["/health", "/ready", "/ready/read"];

/// Whether an issuer's path cannot begin with this segment, because probes and metadata use it at the root of the
/// origin.
#[must_use]
pub fn is_reserved(segment: &str) -> bool {
    PROBES.iter().chain(&METADATA).any(|path| path.split('/').nth(1) == Some(segment))
}

/// The path of the issuer, and whether a proxy strips it from requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BasePath {
    path: String,
    stripped: bool,
}

/// An address of the server's own, as browsers see it: a path from the root of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

impl BasePath {
    /// The path of `issuer`; `stripped` if a proxy strips it.
    #[must_use]
    pub fn of(issuer: &str, stripped: bool) -> Self {
        let behind_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let path = behind_scheme.find('/').map_or("", |start| &behind_scheme[start..]);
        Self { path: path.to_owned(), stripped: stripped && !path.is_empty() }
    }

    /// The path without a trailing slash; empty if the issuer has none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether the issuer has no path.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// The address of `path`, which begins with a slash and is one of [`routes`](crate::http::routes).
    #[must_use]
    pub fn link(&self, path: &str) -> Link {
        Link(format!("{}{path}", self.path))
    }

    /// The path at which this process itself serves `path`.
    #[must_use]
    pub fn served(&self, path: &str) -> String {
        if self.stripped { path.to_owned() } else { self.link(path).0 }
    }

    /// The route of a request for `path`; `None` if it is outside of the issuer's path.
    ///
    /// Each route exists in one form only, with the path or without it, so that a proxy rule about one form cannot
    /// be bypassed with the other.
    #[must_use]
    pub fn route<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.is_root() || PROBES.contains(&path) {
            return Some(path);
        }
        let is_metadata =
            |name: &&&str| path.strip_prefix(**name).is_some_and(|rest| rest == self.path);
        if let Some(name) = METADATA.iter().find(is_metadata) {
            return Some(name);
        }
        if self.stripped {
            return Some(path);
        }
        match path.strip_prefix(self.path.as_str())? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

impl Link {
    /// Adds a query, which is already encoded.
    #[must_use]
    pub fn with_query(self, query: &str) -> Self {
        if query.is_empty() { self } else { Self(format!("{}?{query}", self.0)) }
    }

    /// Adds a fragment.
    #[must_use]
    pub fn with_fragment(self, fragment: &str) -> Self {
        Self(format!("{}#{fragment}", self.0))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[path = "base_path_tests.rs"]
mod tests;
