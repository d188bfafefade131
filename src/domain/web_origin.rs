//! Web origins, whose scripts may call the endpoints for clients.
//!
//! Owns their canonical form, which is compared with the `Origin` header byte by byte. The rules are in
//! `http::cors`.

use super::redirect::{is_host_name, is_loopback, is_port, split_port, well_formed};

/// Whether `origin` has the form of an `Origin` header (RFC 6454 §6.2) of a web page, or of an app or extension
/// with its own scheme, such as `capacitor://localhost` and `chrome-extension://…`. `null` is refused, because it
/// does not identify an origin.
#[must_use]
pub fn is_origin(origin: &str) -> bool {
    let Ok(scheme) = well_formed(origin) else { return false };
    match scheme {
        "http" if !is_loopback(origin) => false,
        "http" | "https" => self::origin(origin).is_some_and(|spelt| spelt == origin),
        // Without default port and path, and in only one spelling.
        _ => origin.split_once("://").is_some_and(|(_, authority)| {
            let (host, port) = split_port(authority);
            is_host_name(host) && port.is_none_or(is_port)
        }),
    }
}

/// The origin of a URI that a browser opens.
#[must_use]
pub fn origin(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_spelt_as_browsers_do() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "https://a.example:8443",
            "http://app.localhost:3000",
            "http://tauri.localhost",
            "http://[::1]:3000",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://8d9f1f5a-0000-4000-8000-000000000000",
            "com.example.app://localhost:8100",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "https://a.example/",
            "https://a.example:443",
            "http://localhost:80",
            "null",
            "*",
            "http://a.example",
            "https://*.a.example",
            "https://A.example",
            "capacitor://",
            "capacitor://localhost/",
            "capacitor://localhost?x",
            "capacitor://LOCALHOST",
            "capacitor://local host",
            "capacitor://user@localhost",
            "capacitor://*",
            "capacitor://localhost:",
            "capacitor://localhost:99999",
            "capacitor:localhost",
            "Capacitor://localhost",
            "chrome-extension://a..b",
            "file://localhost",
            "chrome://settings",
            "data://a",
            "blob://a",
            "javascript://a",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
        assert_eq!(origin("https://a.example:443/cb").as_deref(), Some("https://a.example"));
        assert_eq!(origin("myapp://cb"), None);
    }
}
