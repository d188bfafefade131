//! Redirect URIs: the rules for registration, and the comparison.
//!
//! URIs are compared byte by byte, because differences between URI parsers lead to stolen codes (RFC 9700 §2.1, §4.1).

use super::client_type::ClientType;
use super::path_spelling;

/// The longest URI, in bytes.
pub const MAX_URI: usize = 2_048;

/// Schemes whose URIs execute code or read files when they are opened.
const DANGEROUS: &[&str] = &[
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "view-source",
    "chrome",
    "ws",
    "wss",
    "ftp",
    "filesystem",
    "jar",
    "mailto",
    "tel",
    "sms",
    "intent",
];

/// Why a URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriError {
    /// Not an absolute URI, or one with invalid characters.
    Malformed,
    /// With a fragment (RFC 6749 §3.1.2).
    Fragment,
    /// With a user name, a wildcard or a dot segment.
    Ambiguous,
    /// A scheme to which no response can be sent.
    Scheme,
    /// Plain http to another machine.
    PlainHttp,
    /// Not allowed for this type of client.
    Type,
}

impl UriError {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "not_a_uri",
            Self::Fragment => "has_fragment",
            Self::Ambiguous => "ambiguous",
            Self::Scheme => "forbidden_scheme",
            Self::PlainHttp => "plain_http",
            Self::Type => "not_for_this_type",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => {
                "Name an absolute URI of printable ASCII, at most 2048 characters, such as \
                 https://app.example.com/callback."
            }
            Self::Fragment => "A redirect URI must not have a fragment (#).",
            Self::Ambiguous => {
                "Leave out user names, wildcards, backslashes and dot segments: the URI is compared character by \
                 character."
            }
            Self::Scheme => "This scheme is not allowed for a redirect URI.",
            Self::PlainHttp => {
                "Plain http is for this machine only: use https, or http://localhost, \
                 http://NAME.localhost, http://127.0.0.1 or http://[::1]."
            }
            Self::Type => {
                "A custom scheme is for clients of type native; a service has no redirect URI."
            }
        }
    }
}

/// A registered URI of the client, with the requested port if it is a loopback URI of a native client.
///
/// Only [`match_redirect`] creates one, so a response cannot be sent anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredRedirect(String);

impl RegisteredRedirect {
    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser opens it, rather than an app that claimed its scheme.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.0.starts_with("https://") || self.0.starts_with("http://")
    }

    /// Whether the server is authenticated, which is the case with https.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Its source expression in a Content-Security-Policy: an origin, or a scheme with its colon.
    #[must_use]
    pub fn source(&self) -> String {
        let scheme = self.0.split(':').next().unwrap_or_default();
        match authority(&self.0) {
            Some(authority) if self.is_web() => format!("{scheme}://{authority}"),
            _ => format!("{scheme}:"),
        }
    }
}

/// The part between `//` and the path.
fn authority(uri: &str) -> Option<&str> {
    let rest = uri.split_once("://")?.1;
    Some(rest.split(['/', '?']).next().unwrap_or_default())
}

/// Whether `uri` may be registered as a redirect URI of a client of this type.
///
/// # Errors
/// Why it may not.
pub fn check(uri: &str, client_type: ClientType) -> Result<(), UriError> {
    let scheme = well_formed(uri)?;
    match (scheme, client_type) {
        (_, ClientType::Service) => Err(UriError::Type),
        ("https", _) => Ok(()),
        ("http", _) if is_loopback(uri) => Ok(()),
        ("http", _) => Err(UriError::PlainHttp),
        (_, ClientType::Native) => Ok(()),
        (_, ClientType::Spa | ClientType::Web) => Err(UriError::Type),
    }
}

/// Whether `uri` can be a server of the client: https, or http on this machine. Names below `localhost` are
/// refused: browsers resolve them to this machine, but this server may not.
///
/// # Errors
/// Why it cannot.
pub fn check_web(uri: &str) -> Result<(), UriError> {
    match well_formed(uri)? {
        "https" => Ok(()),
        "http" if loopback(uri).is_some_and(|(host, _)| LOOPBACK.contains(&host)) => Ok(()),
        "http" => Err(UriError::PlainHttp),
        _ => Err(UriError::Type),
    }
}

/// Whether `uri` has a private-use scheme without a dot. Any app can claim such a name; RFC 8252 §7.1 requires a
/// reversed domain name.
#[must_use]
pub fn is_short_scheme(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    !matches!(scheme, "http" | "https") && !scheme.contains('.')
}

/// The scheme of an absolute URI that all parsers read alike.
pub(super) fn well_formed(uri: &str) -> Result<&str, UriError> {
    if uri.len() > MAX_URI || !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(UriError::Malformed);
    }
    let (scheme, rest) = uri.split_once(':').ok_or(UriError::Malformed)?;
    let first = scheme.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let others = scheme
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if !first
        || !others
        || rest.is_empty()
        || uri.contains(['"', '<', '>', '`', '{', '}', '|', '^'])
    {
        return Err(UriError::Malformed);
    }
    if DANGEROUS.contains(&scheme) {
        return Err(UriError::Scheme);
    }
    if uri.contains('#') {
        return Err(UriError::Fragment);
    }
    let url = url::Url::parse(uri).map_err(|_| UriError::Malformed)?;
    let (path, lower) = (rest.split('?').next().unwrap_or_default(), uri.to_ascii_lowercase());
    let leaves = path_spelling::check_free_rest(path).is_err();
    let hidden = ["%2e", "%2f", "%5c", "%00", "%0a", "%0d"].iter().any(|bad| lower.contains(bad));
    if uri.contains(['\\', '*']) || leaves || hidden || url.password().is_some() {
        return Err(UriError::Ambiguous);
    }
    if matches!(scheme, "http" | "https") {
        let written = authority(uri).ok_or(UriError::Malformed)?;
        // The host must be spelled as the parser normalises it, and there must be no user name.
        let host = url.host_str().ok_or(UriError::Malformed)?;
        let spelt = written == host || written.strip_prefix(host).is_some_and(is_port);
        if !url.username().is_empty() || !spelt {
            return Err(UriError::Ambiguous);
        }
    }
    Ok(scheme)
}

/// A host, and the rest from the colon on, if there is one.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':') {
        // A colon inside an IPv6 address does not begin the port.
        Some(at) if !authority[at..].contains(']') => (&authority[..at], Some(&authority[at..])),
        _ => (authority, None),
    }
}

/// Whether `text` is a host name in the form of browsers: labels of lower-case letters, digits, hyphens and
/// underscores.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_letter =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(is_letter))
}

pub(super) fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    (1..=5).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The names of this machine in redirect URIs.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];
/// The suffix of other names of this machine (RFC 6761 §6.3).
const BELOW_LOCALHOST: &str = ".localhost";

/// An `http://` URI on this machine, split into the host and the part after the port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = split_port(authority);
    let is_below = || host.ends_with(BELOW_LOCALHOST) && is_host_name(host);
    let is_here = LOOPBACK.contains(&host) || is_below();
    (is_here && port.is_none_or(is_port)).then_some((host, path))
}

/// Whether `uri` is plain http on this machine.
#[must_use]
pub fn is_loopback(uri: &str) -> bool {
    loopback(uri).is_some()
}

/// The registered URI that equals `asked`. The port of a loopback URI of a native client is not compared, because
/// the client cannot know it beforehand (RFC 8252 §7.3).
#[must_use]
pub fn match_redirect(
    asked: &str,
    registered: &[String],
    client_type: ClientType,
) -> Option<RegisteredRedirect> {
    let same = |known: &String| {
        known == asked
            || (client_type == ClientType::Native
                && asked.len() <= MAX_URI
                && loopback(known).is_some_and(|known| loopback(asked) == Some(known)))
    };
    registered.iter().any(same).then(|| RegisteredRedirect(asked.to_owned()))
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
