//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): clients that are not registered,
//! whose `client_id` is the URL of a document that describes them.
//!
//! Owns which URLs name such a client, and which of them the operator allows. `content` validates a document,
//! `redirects` its redirect URIs. Fetches nothing.

mod content;
mod redirects;

use std::fmt;

use url::{Host, Url};

use crate::base::TimeSpan;

use super::redirect;

pub use content::{DocumentContent, DocumentError};

/// The longest `client_id` that is a URL, in bytes.
const MAX_URL: usize = 512;
/// The longest document, in bytes. The draft recommends 5 kB, which some published documents exceed. A longer
/// document is refused, never truncated.
pub const MAX_DOCUMENT: usize = 16 * 1024;

/// The prefix of every `client_id` that is the URL of a document. The identifiers of registered clients contain no
/// colon, except some from early versions.
const SCHEME: &str = "https://";

/// Bounds of the time for which a cached document is fresh, whatever its `Cache-Control` says.
const FRESHNESS: (TimeSpan, TimeSpan) = (TimeSpan::from_secs(60), TimeSpan::from_days(1));
/// How long a cached document is fresh whose response has no `Cache-Control: max-age`.
const DEFAULT_FRESHNESS: TimeSpan = TimeSpan::from_mins(5);
/// How long a stale document that cannot be fetched again is used for new authorizations, from the last successful
/// fetch.
pub const STALE_AT_MOST: TimeSpan = TimeSpan::from_days(1);

/// Which clients may describe themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientDocuments {
    /// None: only registered clients exist.
    #[default]
    Off,
    /// Any, at an API that accepts them.
    Any,
    /// Those whose address begins with one of these.
    Listed(Vec<DocumentPrefix>),
}

/// A prefix of document URLs, with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPrefix {
    /// An https URL that ends with a slash.
    prefix: String,
    /// Whether their redirect URIs may be https URIs of other hosts.
    cross: bool,
}

/// The suffix in the setting of a prefix that allows redirect URIs of other hosts.
const CROSS: &str = "+cross";

/// The text is not a list of prefixes; contains the first invalid one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixError(pub String);

/// What the operator allows a client that describes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Whether https redirect URIs of other origins are accepted.
    pub cross_origin: bool,
}

impl ClientDocuments {
    /// Reads the value of the setting: `off`, `any`, or prefixes separated by commas.
    ///
    /// # Errors
    /// The first invalid prefix.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "any" => Ok(Self::Any),
            list => list
                .split(',')
                .map(|entry| DocumentPrefix::parse(entry.trim()))
                .collect::<Result<_, _>>()
                .map(Self::Listed),
        }
    }

    /// Whether clients may not describe themselves at all.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// What the client at `url` is allowed; `None` if it may not describe itself.
    #[must_use]
    pub fn allowance(&self, url: &DocumentUrl) -> Option<Allowance> {
        let has_query = url.url.query().is_some();
        match self {
            Self::Off => None,
            Self::Any => (!has_query).then_some(Allowance { cross_origin: false }),
            Self::Listed(prefixes) => {
                let mut of =
                    prefixes.iter().filter(|entry| url.text.starts_with(&entry.prefix)).peekable();
                of.peek()?;
                Some(Allowance { cross_origin: of.any(|entry| entry.cross) })
            }
        }
    }
}

impl fmt::Display for ClientDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Any => f.write_str("any"),
            Self::Listed(prefixes) => {
                for (at, entry) in prefixes.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    let cross = if entry.cross { CROSS } else { "" };
                    write!(f, "{comma}{}{cross}", entry.prefix)?;
                }
                Ok(())
            }
        }
    }
}

impl DocumentPrefix {
    fn parse(entry: &str) -> Result<Self, PrefixError> {
        let (prefix, cross) = match entry.strip_suffix(CROSS) {
            Some(prefix) => (prefix, true),
            None => (entry, false),
        };
        let is_prefix = prefix.starts_with(SCHEME)
            && prefix.ends_with('/')
            && !prefix.contains('?')
            && redirect::well_formed(prefix).is_ok();
        if !is_prefix {
            return Err(PrefixError(entry.to_owned()));
        }
        Ok(Self { prefix: prefix.to_owned(), cross })
    }
}

/// A `client_id` that is the URL of a document. Kept as it was sent, because the draft compares URLs as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentUrl {
    text: String,
    url: Url,
}

impl DocumentUrl {
    /// Whether a `client_id` begins like the URL of a document, valid or not.
    #[must_use]
    pub fn is_meant(client_id: &str) -> bool {
        client_id.starts_with(SCHEME)
    }

    /// Reads a `client_id` that is a valid document URL: https, with a path other than `/`, without user
    /// information, fragment and dot segments, in normalized spelling.
    #[must_use]
    pub fn parse(client_id: &str) -> Option<Self> {
        if client_id.len() > MAX_URL || redirect::well_formed(client_id) != Ok("https") {
            return None;
        }
        let url = Url::parse(client_id).ok()?;
        // The parser drops a default port, but the string with the port names another client.
        (url.path() != "/").then(|| Self { text: client_id.to_owned(), url })
    }

    /// The `client_id`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of the document.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The host: shown to users, and the key of the rate limit of fetches.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The host with its labels reversed: the private-use URI scheme of this client (RFC 8252 §7.1).
    fn reversed_host(&self) -> Option<String> {
        match self.url.host() {
            Some(Host::Domain(name)) => {
                Some(name.trim_end_matches('.').rsplit('.').collect::<Vec<_>>().join("."))
            }
            _ => None,
        }
    }
}

/// How long a document is fresh. `max_age` is that of its `Cache-Control`, in seconds.
#[must_use]
pub fn freshness(max_age: Option<u64>) -> TimeSpan {
    let (least, most) = FRESHNESS;
    let bounded = |secs: u64| {
        TimeSpan::from_secs(i64::try_from(secs.min(most.secs().unsigned_abs())).unwrap_or(0))
    };
    let said = max_age.map(bounded);
    said.unwrap_or(DEFAULT_FRESHNESS).clamp(least, most)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
