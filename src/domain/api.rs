//! APIs: the audiences access tokens can be made for.
//!
//! Owns what an API identifier is and what an API offers. Does not know how either is stored.

use super::scope::{self, Scopes};

/// The longest API identifier, in bytes.
const MAX_IDENTIFIER: usize = 256;

/// A registered API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The identifier, `aud` in its tokens; compared byte for byte (RFC 8707 §2).
    pub identifier: String,
    /// The scopes it offers.
    pub scopes: Scopes,
}

/// Why an API cannot be registered like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiError {
    /// Not an absolute URI without a fragment, or too long.
    Identifier,
    /// `signet:` scopes belong to the issuer.
    ReservedScope,
}

impl ApiError {
    /// A sentence for people.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Identifier => {
                "An API identifier is an absolute URI without a fragment, at most 256 characters, \
                 for example https://api.example.com."
            }
            Self::ReservedScope => "Scopes that begin with signet: belong to the issuer itself.",
        }
    }
}

impl Api {
    /// An API with this identifier and these scopes.
    ///
    /// # Errors
    /// When the identifier is not an absolute URI without fragment (RFC 8707 §2), or a scope is
    /// reserved for the issuer.
    pub fn new(identifier: &str, scopes: Scopes) -> Result<Self, ApiError> {
        let printable = identifier.bytes().all(|b| b.is_ascii_graphic());
        let absolute = url::Url::parse(identifier).is_ok();
        if identifier.len() > MAX_IDENTIFIER
            || !printable
            || !absolute
            || identifier.contains(['#', '"', '\\', '<', '>'])
        {
            return Err(ApiError::Identifier);
        }
        if scopes.iter().any(|scope| scope.starts_with("signet:")) {
            return Err(ApiError::ReservedScope);
        }
        Ok(Self { identifier: identifier.to_owned(), scopes })
    }
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Signet itself: the token works at `/v1` and nowhere else.
    Issuer,
    /// A registered API: `/v1` refuses the token.
    Api(Api),
}

impl Target {
    /// The API's identifier, none for the issuer.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        match self {
            Self::Issuer => None,
            Self::Api(api) => Some(&api.identifier),
        }
    }
}

/// Whether `text` may name a scope of an API.
#[must_use]
pub fn is_api_scope(text: &str) -> bool {
    scope::is_scope(text) && !text.starts_with("signet:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_absolute_uris() {
        for good in ["https://api.example.com", "urn:orders", "https://a.example/v1?x=1"] {
            assert!(Api::new(good, Scopes::default()).is_ok(), "{good}");
        }
        for bad in ["", "orders", "https://a#b", "https://a b", "/x", "https://ä.example", "//a"] {
            assert_eq!(Api::new(bad, Scopes::default()), Err(ApiError::Identifier), "{bad}");
        }
        let admin = Scopes::parse("signet:admin").unwrap();
        assert_eq!(Api::new("urn:a", admin), Err(ApiError::ReservedScope));
    }
}
