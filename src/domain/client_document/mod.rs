//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): clients that are not registered,
//! whose `client_id` is the address of a document that describes them.
//!
//! Owns which addresses name such a client, and which of them the operator lets in. What a document may say is
//! `content`, where its answers may be sent `redirects`. Fetches nothing.

mod content;
mod redirects;

use std::fmt;

use url::{Host, Url};

use crate::base::TimeSpan;

use super::redirect;

pub use content::{DocumentContent, DocumentError};

/// The longest `client_id` that is an address, in bytes.
const MAX_URL: usize = 512;
/// The most bytes of a document. The draft recommends 5 kB, which is too little for some documents in use. A part of
/// a document is never read.
pub const MAX_DOCUMENT: usize = 16 * 1024;

/// How every `client_id` begins that can be the address of a document. Registered clients have no colon in theirs,
/// unless they were registered by an early version.
const SCHEME: &str = "https://";

/// How long a copy counts as fresh, whatever the host says.
const FRESHNESS: (TimeSpan, TimeSpan) = (TimeSpan::from_secs(60), TimeSpan::from_days(1));
/// How long a copy counts as fresh whose host says nothing.
const DEFAULT_FRESHNESS: TimeSpan = TimeSpan::from_mins(5);
/// How long a copy that cannot be fetched anew is used for new authorizations, counted from the last time that its
/// host confirmed it.
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

/// What the addresses of some documents begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPrefix {
    /// An https URL that ends with a slash.
    prefix: String,
    /// Whether their redirect URIs may be https URIs of other hosts.
    cross: bool,
}

/// What a prefix that allows other hosts ends with in the setting.
const CROSS: &str = "+cross";

/// Why a list of prefixes is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixError(pub String);

/// What the operator allows one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Whether https redirect URIs of other origins count.
    pub cross_origin: bool,
}

impl ClientDocuments {
    /// Reads the value of the setting: `off`, `any`, or prefixes separated by commas.
    ///
    /// # Errors
    /// The first prefix that is none.
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

    /// Whether no client may describe itself.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// What the client at `url` is allowed; none where it may not describe itself.
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

/// A `client_id` that is the address of a document, as it was sent: it is compared as a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentUrl {
    text: String,
    url: Url,
}

impl DocumentUrl {
    /// Whether a `client_id` looks like the address of a document, whether or not it can be one.
    #[must_use]
    pub fn is_meant(client_id: &str) -> bool {
        client_id.starts_with(SCHEME)
    }

    /// The address that `client_id` is: https, with a path beyond `/`, without user information, fragment and dot
    /// segments, in the spelling that a URL parser keeps.
    #[must_use]
    pub fn parse(client_id: &str) -> Option<Self> {
        if client_id.len() > MAX_URL || redirect::well_formed(client_id) != Ok("https") {
            return None;
        }
        let url = Url::parse(client_id).ok()?;
        // A port that the parser drops is in the text, and makes it the name of another client.
        (url.path() != "/").then(|| Self { text: client_id.to_owned(), url })
    }

    /// The `client_id`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the document is.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The host, as it is shown to users and as requests to it are counted.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The host with its labels turned round, which a private scheme of this client is (RFC 8252 §7.1).
    fn reversed_host(&self) -> Option<String> {
        match self.url.host() {
            Some(Host::Domain(name)) => {
                Some(name.trim_end_matches('.').rsplit('.').collect::<Vec<_>>().join("."))
            }
            _ => None,
        }
    }
}

/// How long a copy is fresh, where its host says `max_age` seconds, or nothing.
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
