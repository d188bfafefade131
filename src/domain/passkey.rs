//! Passkeys: the rules that need no cryptography.
//!
//! Owns the RP ID, the origins, and the number of passkeys per account.

use std::net::IpAddr;

use url::{Host, Url};

use crate::base::TimeSpan;

/// The most passkeys of one user.
pub const MAX_PASSKEYS: i64 = 10;

/// How long a user may take to create a passkey.
pub const SETUP_LIFE: TimeSpan = TimeSpan::from_mins(10);

/// Why passkeys are not available for an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Its host is an IP address.
    Address,
    /// Its host is a single label other than `localhost`.
    SingleLabel,
    /// It is plain http to another machine, where browsers have no WebAuthn.
    PlainHttp,
}

impl Unavailable {
    /// The reason, as the rest of a sentence about the issuer.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Address => "has an IP address instead of a domain name",
            Self::SingleLabel => "has a host name without a domain",
            Self::PlainHttp => "is plain http, for which browsers offer no passkeys",
        }
    }
}

/// The default RP ID of an issuer: its host.
///
/// # Errors
/// Why passkeys are not available.
pub fn default_rp_id(issuer: &str) -> Result<String, Unavailable> {
    let url = Url::parse(issuer).map_err(|_| Unavailable::Address)?;
    let Some(Host::Domain(host)) = url.host() else { return Err(Unavailable::Address) };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if url.scheme() != "https" && !is_local {
        return Err(Unavailable::PlainHttp);
    }
    if host != "localhost" && !host.contains('.') {
        return Err(Unavailable::SingleLabel);
    }
    Ok(host.to_owned())
}

/// Whether `rp_id` can be the RP ID of `host`: the host itself or a parent of it, which is a domain name in lower
/// case with at least two labels, or `localhost` (WebAuthn §5.1.2).
#[must_use]
pub fn is_rp_id_of(rp_id: &str, host: &str) -> bool {
    let is_name =
        rp_id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            && rp_id.split('.').all(|label| !label.is_empty())
            && rp_id.parse::<IpAddr>().is_err();
    let is_domain = rp_id == "localhost" || rp_id.contains('.');
    let covers =
        host.strip_suffix(rp_id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    is_name && is_domain && covers
}

/// The origin of an issuer or of another page (RFC 6454 §6.2), if it is one of http or https.
#[must_use]
pub fn origin_of(url: &str) -> Option<String> {
    let origin = Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The prefix of an Android application's origin, before the SHA-256 of its certificate in base64url.
pub const ANDROID: &str = "android:apk-key-hash:";

/// Whether `origin` can be a further origin: an https origin, which browsers look up at
/// `/.well-known/webauthn` (WebAuthn §5.11), or that of an Android application.
#[must_use]
pub fn is_related_origin(origin: &str) -> bool {
    if let Some(hash) = origin.strip_prefix(ANDROID) {
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        return hash.len() == 43 && hash.bytes().all(is_base64url);
    }
    origin.starts_with("https://") && origin_of(origin).as_deref() == Some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_has_passkeys_where_browsers_offer_them() {
        for (issuer, wanted) in [
            ("https://id.example.com/auth", Ok("id.example.com")),
            ("http://localhost:8484", Ok("localhost")),
            ("http://a.localhost", Ok("a.localhost")),
            ("http://127.0.0.1:8484", Err(Unavailable::Address)),
            ("https://[::1]", Err(Unavailable::Address)),
            ("https://intranet", Err(Unavailable::SingleLabel)),
            ("http://id.example.com", Err(Unavailable::PlainHttp)),
        ] {
            assert_eq!(default_rp_id(issuer), wanted.map(str::to_owned), "{issuer}");
        }
    }

    #[test]
    fn an_rp_id_is_the_host_or_a_parent_of_it() {
        for good in ["id.example.com", "example.com"] {
            assert!(is_rp_id_of(good, "id.example.com"), "{good}");
        }
        assert!(is_rp_id_of("localhost", "localhost") && is_rp_id_of("localhost", "a.localhost"));
        for bad in [
            "com",
            "",
            "d.example.com",
            "a.id.example.com",
            ".example.com",
            "Example.com",
            "example.org",
        ] {
            assert!(!is_rp_id_of(bad, "id.example.com"), "{bad}");
        }
        assert!(!is_rp_id_of("127.0.0.1", "127.0.0.1") && !is_rp_id_of("intranet", "intranet"));
    }

    #[test]
    fn related_origins_are_https_or_android() {
        let android = format!("{ANDROID}{}", "A".repeat(43));
        for good in ["https://example.org", "https://example.org:8443", &android] {
            assert!(is_related_origin(good), "{good}");
        }
        for bad in
            ["http://example.org", "https://example.org/", "https://Example.org", "*", ANDROID]
        {
            assert!(!is_related_origin(bad), "{bad}");
        }
    }
}
