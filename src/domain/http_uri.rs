//! Equivalent spellings of an http or https URI (RFC 3986 §6.2): client libraries may normalise a registered or
//! published URI.
//!
//! Owns two comparisons: of endpoints, and of identifiers of APIs. Nothing is fetched from such a URI. Redirect
//! URIs are never compared this way: `redirect` compares them byte by byte.

/// An http or https URI in normal form.
struct HttpUri<'a> {
    /// Scheme, host and port: in lower case, without the scheme's default port.
    origin: String,
    /// Path, query and fragment as written.
    rest: &'a str,
}

/// Parses an http or https URI without user information; `None` for any other text.
fn read(text: &str) -> Option<HttpUri<'_>> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
        return None;
    }
    let (scheme, after) = text.split_once("://")?;
    let (scheme, default_port) = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => ("https", 443),
        _ if scheme.eq_ignore_ascii_case("http") => ("http", 80),
        _ => return None,
    };
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (host, port) = match authority.rfind(':') {
        // A colon inside an IPv6 address does not begin the port.
        Some(at) if !authority[at..].contains(']') => (&authority[..at], &authority[at + 1..]),
        _ => (authority, ""),
    };
    let port = match port {
        "" => default_port,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    let host = decode_unreserved(host)?.to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => {
            address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => host.bytes().all(is_name),
    };
    if host.is_empty() || !is_host {
        return None;
    }
    let origin = match port {
        port if port == default_port => format!("{scheme}://{host}"),
        port => format!("{scheme}://{host}:{port}"),
    };
    Some(HttpUri { origin, rest })
}

/// `text` without needless percent-encoding, and the rest in upper case (RFC 3986 §6.2.2.1, §6.2.2.2); `None` if a
/// percent sign does not begin an encoding.
fn decode_unreserved(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let digits =
            after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            decoded.push(char::from(byte));
        } else {
            decoded.push('%');
            decoded.push_str(&digits.to_ascii_uppercase());
        }
        rest = &after[2..];
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// `path`, which is empty or begins with a slash, without dot segments (RFC 3986 §5.2.4).
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Whether both texts name one endpoint, whatever their query and fragment (RFC 9449 §4.3).
#[must_use]
pub fn is_same_endpoint(one: &str, other: &str) -> bool {
    normal_endpoint(one).is_some_and(|one| normal_endpoint(other) == Some(one))
}

fn normal_endpoint(text: &str) -> Option<String> {
    let HttpUri { origin, rest } = read(text)?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    Some(origin + &remove_dot_segments(&decode_unreserved(path)?))
}

/// The normal form of an API's identifier: scheme and host in lower case, no default port. `None` if the text
/// is compared unchanged: not an http or https URI, or one with a fragment.
#[must_use]
pub fn normal_identifier(text: &str) -> Option<String> {
    let HttpUri { origin, rest } = read(text)?;
    (!rest.contains('#')).then(|| origin + rest)
}

/// The identifiers that `text` may mean, in normal form: its own, and the one with a trailing slash added or
/// removed. With a query there is only one.
#[must_use]
pub fn identifiers_meant(text: &str) -> Vec<String> {
    let Some(normal) = normal_identifier(text) else { return Vec::new() };
    let other = match normal.strip_suffix('/') {
        _ if normal.contains('?') => return vec![normal],
        Some(shorter) => shorter.to_owned(),
        None => format!("{normal}/"),
    };
    vec![normal, other]
}

/// Whether a request that names `one` may mean the API of the identifier `other`.
#[must_use]
pub fn may_mean(one: &str, other: &str) -> bool {
    one == other
        || normal_identifier(other).is_some_and(|other| identifiers_meant(one).contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_same_in_every_spelling() {
        let endpoint = "https://id.example.com/oauth2/token";
        for same in [
            "https://id.example.com/oauth2/token",
            "HTTPS://ID.Example.COM/oauth2/token",
            "https://id.example.com:443/oauth2/token",
            "https://id.example.com:/oauth2/token",
            "https://id.example.com/oauth2/token?x=1",
            "https://id.example.com/oauth2/token#f",
            "https://id.example.com/%6fauth2/%74oken",
            "https://id.example.com/%6Fauth2/%74oken",
            "https://%69d.example.com/oauth2/token",
            "https://id.example.com/./oauth2/x/../token",
            "https://id.example.com/%2e/oauth2/token",
        ] {
            assert!(is_same_endpoint(same, endpoint), "{same}");
        }
        for other in [
            "",
            "/oauth2/token",
            "http://id.example.com/oauth2/token",
            "https://id.example.com:80/oauth2/token",
            "https://id.example.com:8443/oauth2/token",
            "https://id.example.com:+443/oauth2/token",
            "https://id.example.com:65979/oauth2/token",
            "https://id.example.com/OAuth2/token",
            "https://id.example.com/oauth2/token/",
            "https://id.example.com//oauth2/token",
            "https://id.example.com/oauth2%2ftoken",
            "https://id.example.com/oauth2/token%",
            "https://id.example.com/oauth2/token%7",
            "https://id.example.com/oauth2/token%zz",
            "https://id.example.com/oauth2/token/..",
            "https://id.example.com\\oauth2/token",
            "https:\\\\id.example.com/oauth2/token",
            "https:/id.example.com/oauth2/token",
            "https://evil@id.example.com/oauth2/token",
            "https://id.example.com@evil.example/oauth2/token",
            "https://id.example.com%40evil.example/oauth2/token",
            "https://id.example.com./oauth2/token",
            "https://id.example.com.evil.example/oauth2/token",
            " https://id.example.com/oauth2/token",
            "https://id.example.com/oauth2/token\n",
            "https://\u{131}d.example.com/oauth2/token",
        ] {
            assert!(!is_same_endpoint(other, endpoint), "{other}");
        }
        let local = "http://[::1]:8484/oauth2/token";
        assert!(is_same_endpoint("HTTP://[::1]:08484/oauth2/token", local));
        assert!(!is_same_endpoint("http://[::1]/oauth2/token", local));
        assert!(is_same_endpoint("http://[::AB]:80/a", "http://[::ab]/a"));
        assert!(is_same_endpoint("https://a.example", "https://a.example/"));
        assert!(is_same_endpoint("https://a.example/%c3%a4", "https://a.example/%C3%A4"));
        assert!(!is_same_endpoint("urn:a", "urn:a"), "not an endpoint");
    }

    #[test]
    fn an_identifier_has_a_normal_form_only_where_it_is_a_web_address() {
        for (text, normal) in [
            ("https://API.example.com:443/V1", Some("https://api.example.com/V1")),
            ("HTTP://api.example.com:80", Some("http://api.example.com")),
            ("http://api.example.com:443", Some("http://api.example.com:443")),
            ("https://api.example.com/%7e", Some("https://api.example.com/%7e")),
            ("https://api.example.com/?x=1", Some("https://api.example.com/?x=1")),
            ("https://api.example.com#x", None),
            ("https://api.example.com/#", None),
            ("https://user@api.example.com", None),
            ("urn:orders", None),
            ("api://orders", None),
            ("https:orders", None),
            ("", None),
        ] {
            assert_eq!(normal_identifier(text).as_deref(), normal, "{text}");
        }
        for (text, meant) in [
            ("https://a.example", &["https://a.example", "https://a.example/"][..]),
            ("https://A.example/", &["https://a.example/", "https://a.example"]),
            ("https://a.example/v1//", &["https://a.example/v1//", "https://a.example/v1/"]),
            ("https://a.example/v1?x", &["https://a.example/v1?x"]),
            ("urn:orders", &[]),
        ] {
            assert_eq!(identifiers_meant(text), meant, "{text}");
        }
        for (one, other, same) in [
            ("https://a.example", "HTTPS://A.example:443/", true),
            ("https://a.example/v1/", "https://a.example/v1", true),
            ("https://a.example/V1", "https://a.example/v1", false),
            ("https://a.example//", "https://a.example", false),
            ("urn:a", "urn:a", true),
            ("urn:a", "URN:a", false),
        ] {
            assert_eq!((may_mean(one, other), may_mean(other, one)), (same, same), "{one} {other}");
        }
    }
}
