//! The issuer URL: its canonical spelling, and whether it is loopback.
//!
//! Clients compare the issuer byte by byte (RFC 8414 §3.3), so only the canonical spelling is accepted. Resolves no
//! name.

use url::{Host, Url};

use super::errors::Wrong;
use crate::domain::base_path::{BasePath, is_reserved};

/// The longest path of an issuer, in bytes.
const MAX_PATH: usize = 128;

/// The issuer, exactly as typed: an absolute http or https URL without user, query, fragment or
/// trailing slash. Its path, if it has one, is the `Path` of a cookie and the beginning of every route,
/// so it has only characters with one spelling (RFC 3986 §2.3).
pub(super) fn parse(text: &str) -> Result<String, Wrong> {
    const SUCH_AS: &str = "Type a URL such as https://id.example.com";
    let Ok(url) = Url::parse(text) else {
        return Err(Wrong::new("is not an absolute URL", SUCH_AS));
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Wrong::new("is not an http or https URL", SUCH_AS));
    }
    let wanted = spelling(&url);
    // The path is checked first, so that a recommended spelling is accepted.
    let path = BasePath::of(&wanted, false);
    if path.as_str().split('/').nth(1).is_some_and(is_reserved) {
        return Err(Wrong::new(
            "has a path that is reserved (/health, /ready, /.well-known)",
            "Type another path, such as /auth",
        ));
    }
    if !path.is_root() && !is_plain_path(path.as_str()) {
        const PLAIN: &str = "Type a path such as /auth: letters, digits and - . _ ~ between slashes, \
                             at most 128 bytes";
        return Err(Wrong::new("has a path with other characters", PLAIN));
    }
    let because = if !url.username().is_empty() || url.password().is_some() {
        "contains a user name or password"
    } else if url.query().is_some() {
        "has a query"
    } else if url.fragment().is_some() {
        "has a fragment"
    } else if text.ends_with('/') {
        "ends with a slash"
    } else if text != wanted {
        "is not in its normal form, which clients compare byte by byte"
    } else {
        return Ok(wanted);
    };
    Err(Wrong::new(because, advice(&wanted)))
}

/// Parses an issuer from elsewhere than the settings.
///
/// # Errors
/// Why it is invalid, as the rest of a sentence, and what to type, on a second line.
pub fn checked(text: &str) -> Result<String, String> {
    parse(text).map_err(|Wrong { because, advice }| format!("{because}.\n  {advice}"))
}

/// The advice: a spelling that all later checks accept. Plain http beyond this machine needs another setting as well.
fn advice(wanted: &str) -> String {
    if !is_exposed(wanted) {
        return format!("Type {wanted}");
    }
    let https = wanted.replacen("http://", "https://", 1);
    format!("Type {https}, or {wanted} with SIGNET_INSECURE_HTTP=true")
}

fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(plain);
    path.len() <= MAX_PATH && path[1..].split('/').all(is_segment)
}

/// The default issuer: this machine at the port of the server.
#[must_use]
pub fn default_for(port: u16, tls: bool) -> String {
    match (port, tls) {
        (443, true) => "https://localhost".to_owned(),
        (80, false) => "http://localhost".to_owned(),
        (_, true) => format!("https://localhost:{port}"),
        (_, false) => format!("http://localhost:{port}"),
    }
}

/// The canonical spelling of `url`.
fn spelling(url: &Url) -> String {
    let mut bare = url.clone();
    // Both fail only for URLs that cannot have a user, which have no host and are refused before.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_query(None);
    bare.set_fragment(None);
    bare.as_str().trim_end_matches('/').to_owned()
}

/// Whether tokens would be sent unencrypted beyond this machine: plain http, host not loopback (`localhost`
/// and below, RFC 6761 §6.3; 127.0.0.0/8; `::1`).
pub(super) fn is_exposed(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return true };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !loopback
}
