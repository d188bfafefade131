//! The shared namespace of identifiers: each belongs to one client, one API or the issuer.
//!
//! The `aud` of an ID token is a client, that of an access token an API or the issuer. As long as no identifier is
//! both, neither token is accepted as the other, whatever its `typ`.

use super::http_uri;

/// Why an identifier is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// It is the issuer's, with or without a trailing slash.
    Issuer,
    /// It belongs to a client or an API.
    Taken,
    /// It belongs to an API, in another spelling.
    LookAlike,
}

impl Clash {
    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Issuer => "The address of the issuer cannot be used as a name.",
            Self::Taken => "A client and an API cannot have the same name.",
            Self::LookAlike => {
                "An API exists whose identifier differs only in the case of scheme or host, the \
                 default port or a slash at the end. Requests could not distinguish the two: use the existing API, or another identifier."
            }
        }
    }
}

/// Why a new API or client cannot be called `name`: `issuer` is the issuer, `others` are the identifiers of
/// the other kind (for an API the clients, for a client the APIs).
#[must_use]
pub fn clash<'a>(
    name: &str,
    issuer: &str,
    others: impl IntoIterator<Item = &'a str>,
) -> Option<Clash> {
    // Compared without a trailing slash and in every equivalent spelling, because operators and some verifiers add
    // or drop the slash.
    if name.trim_end_matches('/') == issuer.trim_end_matches('/')
        || http_uri::may_mean(name, issuer)
    {
        return Some(Clash::Issuer);
    }
    others.into_iter().any(|other| other == name).then_some(Clash::Taken)
}

/// Whether a request that names the new API `name` may mean one of `apis` instead.
#[must_use]
pub fn look_alike<'a>(name: &str, apis: impl IntoIterator<Item = &'a str>) -> Option<Clash> {
    let found = apis.into_iter().any(|api| api != name && http_uri::may_mean(name, api));
    found.then_some(Clash::LookAlike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_one_client_or_api() {
        let issuer = "https://auth.example.com";
        let clash = |name| clash(name, issuer, ["signet", "https://app.example.com"]);
        assert_eq!(clash("https://auth.example.com"), Some(Clash::Issuer));
        assert_eq!(clash("https://auth.example.com/"), Some(Clash::Issuer));
        assert_eq!(clash("HTTPS://Auth.example.com:443/"), Some(Clash::Issuer));
        assert_eq!(clash("signet"), Some(Clash::Taken));
        assert_eq!(clash("https://app.example.com"), Some(Clash::Taken));
        assert_eq!(clash("https://api.example.com"), None);
        assert_eq!(clash("https://auth.example.com/orders"), None);
    }

    #[test]
    fn a_new_api_is_no_other_spelling_of_an_api() {
        let apis = ["https://api.example.com", "urn:orders", "https://b.example/v1/"];
        for name in ["https://api.example.com/", "https://API.example.com", "https://b.example/v1"]
        {
            assert_eq!(look_alike(name, apis), Some(Clash::LookAlike), "{name}");
        }
        for name in ["https://api.example.com", "URN:orders", "https://b.example/v2/"] {
            assert_eq!(look_alike(name, apis), None, "{name}");
        }
    }
}
