//! Redirect URIs: where answers may be sent, and what may be registered as such a place.
//!
//! Owns registration rules and the one comparison. URIs are compared as texts, byte for byte: two
//! parsers that understand one address differently are how codes get stolen (RFC 9700 §2.1, §4.1).

use super::client_type::ClientType;

/// The longest URI, in bytes.
pub const MAX_URI: usize = 2_048;

/// Schemes that run or read something where they are opened.
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
    /// No absolute URI, or one with characters that do not belong there.
    Malformed,
    /// With a fragment (RFC 6749 §3.1.2).
    Fragment,
    /// With a user name, a wildcard or a dot segment.
    Ambiguous,
    /// A scheme that is never a place to send an answer to.
    Scheme,
    /// Plain http somewhere else than on the same machine.
    PlainHttp,
    /// Not for a client of this type.
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

    /// A sentence for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => {
                "Name an absolute URI of printable ASCII, at most 2048 characters, such as \
                 https://app.example.com/callback."
            }
            Self::Fragment => "A URI to send answers to has no fragment (#).",
            Self::Ambiguous => {
                "Leave out user names, wildcards, backslashes and dot segments: the URI is \
                 compared letter by letter."
            }
            Self::Scheme => "This scheme is no place to send an answer to.",
            Self::PlainHttp => {
                "Plain http is for this machine only: use https, or http://localhost, \
                 http://127.0.0.1 or http://[::1]."
            }
            Self::Type => {
                "A custom scheme is for clients of type native; a service has no redirect URI."
            }
        }
    }
}

/// A URI that was registered for the client that asks, as it is to be used: for a native client on
/// this machine with the port of the moment.
///
/// Only [`match_redirect`] makes one, so an answer cannot be sent anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredRedirect(String);

impl RegisteredRedirect {
    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser shows it, rather than an app that claimed its scheme.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.0.starts_with("https://") || self.0.starts_with("http://")
    }

    /// Whether whoever answers there has proved to own the name: https.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// What a Content-Security-Policy calls this place: an origin, or a scheme with its colon.
    #[must_use]
    pub fn source(&self) -> String {
        let scheme = self.0.split(':').next().unwrap_or_default();
        match authority(&self.0) {
            Some(authority) if self.is_web() => format!("{scheme}://{authority}"),
            _ => format!("{scheme}:"),
        }
    }
}

/// What stands between `//` and the path.
fn authority(uri: &str) -> Option<&str> {
    let rest = uri.split_once("://")?.1;
    Some(rest.split(['/', '?']).next().unwrap_or_default())
}

/// Whether `uri` may be registered as a redirect URI of a client of this type.
///
/// # Errors
/// Says why not.
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

/// Whether `uri` is one a server of the client's answers at: https, or http on this machine.
///
/// # Errors
/// Says why not.
pub fn check_web(uri: &str) -> Result<(), UriError> {
    match well_formed(uri)? {
        "https" => Ok(()),
        "http" if is_loopback(uri) => Ok(()),
        "http" => Err(UriError::PlainHttp),
        _ => Err(UriError::Type),
    }
}

/// Whether `origin` is what browsers send as `Origin` (RFC 6454 §6.2).
#[must_use]
pub fn is_origin(origin: &str) -> bool {
    let allowed = check_web(origin).is_ok();
    let parsed = url::Url::parse(origin).ok();
    allowed && parsed.is_some_and(|url| url.origin().ascii_serialization() == origin)
}

/// The origin of a URI a browser shows.
#[must_use]
pub fn origin(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Whether `uri` has a scheme of an app's own without a dot in it. Anybody's app can claim such a
/// name; RFC 8252 §7.1 wants a domain of its maker's, turned round.
#[must_use]
pub fn is_short_scheme(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    !matches!(scheme, "http" | "https") && !scheme.contains('.')
}

/// The scheme of an absolute URI without anything that two readers could understand differently.
fn well_formed(uri: &str) -> Result<&str, UriError> {
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
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    let hidden = ["%2e", "%2f", "%5c", "%00", "%0a", "%0d"].iter().any(|bad| lower.contains(bad));
    if uri.contains(['\\', '*']) || dots || hidden || url.password().is_some() {
        return Err(UriError::Ambiguous);
    }
    if matches!(scheme, "http" | "https") {
        let written = authority(uri).ok_or(UriError::Malformed)?;
        // What the parser reads as host must be what is written: no user name, no odd spelling.
        let host = url.host_str().ok_or(UriError::Malformed)?;
        let spelt = written == host || written.strip_prefix(host).is_some_and(is_port);
        if !url.username().is_empty() || !spelt {
            return Err(UriError::Ambiguous);
        }
    }
    Ok(scheme)
}

fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    (1..=5).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The names of this machine, as redirect URIs spell them.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// `http://` on this machine, split into host and what follows the port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = LOOPBACK.iter().copied().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| port.is_empty() || is_port(port))
    })?;
    Some((host, path))
}

/// Whether `uri` is plain http on this machine.
#[must_use]
pub fn is_loopback(uri: &str) -> bool {
    loopback(uri).is_some()
}

/// The place `asked` names, if it is registered: letter by letter, but for the port of a native
/// client on this machine, which it cannot know beforehand (RFC 8252 §7.3).
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
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        use ClientType::{Native, Service, Spa, Web};
        for (uri, client_type, wanted) in [
            ("https://app.example.com/callback", Web, Ok(())),
            ("https://app.example.com:8443/cb?tenant=1", Web, Ok(())),
            ("https://app.example.com", Spa, Ok(())),
            ("http://localhost:3000/cb", Spa, Ok(())),
            ("http://127.0.0.1/cb", Native, Ok(())),
            ("http://[::1]/cb", Native, Ok(())),
            ("com.example.app:/cb", Native, Ok(())),
            ("myapp://cb", Native, Ok(())),
            ("com.example.app:/cb", Web, Err(UriError::Type)),
            ("https://app.example.com/cb", Service, Err(UriError::Type)),
            ("http://app.example.com/cb", Web, Err(UriError::PlainHttp)),
            ("http://localhost.example.com/cb", Web, Err(UriError::PlainHttp)),
            ("http://127.0.0.1.example.com/cb", Native, Err(UriError::PlainHttp)),
            ("https://app.example.com/cb#x", Web, Err(UriError::Fragment)),
            ("https://*.example.com/cb", Web, Err(UriError::Ambiguous)),
            ("https://app.example.com/../cb", Web, Err(UriError::Ambiguous)),
            ("https://app.example.com/%2e%2e/cb", Web, Err(UriError::Ambiguous)),
            ("https://app.example.com\\@evil.example/cb", Web, Err(UriError::Ambiguous)),
            ("https://user@app.example.com/cb", Web, Err(UriError::Ambiguous)),
            ("https://APP.example.com/cb", Web, Err(UriError::Ambiguous)),
            ("https://app.example.com:0/cb", Web, Err(UriError::Ambiguous)),
            ("https:app.example.com/cb", Web, Err(UriError::Malformed)),
            ("javascript:alert(1)", Native, Err(UriError::Scheme)),
            ("data:text/html,x", Native, Err(UriError::Scheme)),
            ("/cb", Web, Err(UriError::Malformed)),
            ("https://app.example.com/c b", Web, Err(UriError::Malformed)),
            ("https://\u{e4}pp.example.com/cb", Web, Err(UriError::Malformed)),
            ("HTTPS://app.example.com/cb", Web, Err(UriError::Malformed)),
            ("", Web, Err(UriError::Malformed)),
        ] {
            assert_eq!(check(uri, client_type), wanted, "{uri}");
        }
    }

    #[test]
    fn only_the_port_of_a_native_client_on_this_machine_varies() {
        let registered = ["http://127.0.0.1/cb".to_owned(), "https://a.example/cb".to_owned()];
        let found = |asked, client_type| match_redirect(asked, &registered, client_type).is_some();
        for good in ["http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", "https://a.example/cb"] {
            assert!(found(good, ClientType::Native), "{good}");
        }
        for bad in [
            "http://localhost:51234/cb",
            "http://[::1]:51234/cb",
            "http://127.0.0.1:51234/other",
            "http://127.0.0.1:51234/cb?x=1",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:999999/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "https://127.0.0.1:51234/cb",
            "https://a.example:444/cb",
            "https://a.example/cb/",
        ] {
            assert!(!found(bad, ClientType::Native), "{bad}");
        }
        assert!(!found("http://127.0.0.1:51234/cb", ClientType::Web));
        assert!(found("http://127.0.0.1/cb", ClientType::Web));
    }

    #[test]
    fn a_scheme_of_ones_own_is_a_domain_turned_round() {
        for (uri, short) in [
            ("myapp://cb", true),
            ("myapp:/cb?x=a.b", true),
            ("com.example.app:/cb", false),
            ("https://a/cb", false),
            ("http://localhost/cb", false),
        ] {
            assert_eq!(is_short_scheme(uri), short, "{uri}");
        }
    }

    #[test]
    fn a_policy_names_origins_and_schemes() {
        for (uri, source) in [
            ("https://a.example/cb?x", "https://a.example"),
            ("http://127.0.0.1:51234/cb", "http://127.0.0.1:51234"),
            ("com.example.app:/cb", "com.example.app:"),
            ("myapp://cb", "myapp:"),
        ] {
            assert_eq!(RegisteredRedirect(uri.to_owned()).source(), source);
        }
    }

    #[test]
    fn an_origin_is_spelt_as_browsers_do() {
        for good in ["https://a.example", "http://localhost:3000", "https://a.example:8443"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["https://a.example/", "https://a.example:443", "null", "*", "http://a.example"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
        assert_eq!(origin("https://a.example:443/cb").as_deref(), Some("https://a.example"));
        assert_eq!(origin("myapp://cb"), None);
    }
}
