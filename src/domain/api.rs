//! APIs: the audiences of access tokens.
//!
//! Owns the form of identifiers and the scopes that an API offers.

use std::collections::BTreeMap;

use super::permission;
use super::scope::{self, Scopes};
use super::text;
use super::token_rules::TokenRules;

/// The longest API identifier, in bytes.
const MAX_IDENTIFIER: usize = 256;

/// The longest description of a scope, in characters.
const MAX_DESCRIPTION: usize = 200;

/// Descriptions of scopes for users, by scope.
pub type ScopeDescriptions = BTreeMap<String, String>;

/// A registered API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The identifier, `aud` in its tokens; compared byte for byte (RFC 8707 §2).
    pub identifier: String,
    /// The scopes it offers.
    pub scopes: Scopes,
    /// The descriptions of its scopes, if an administrator has provided them. Each is for a scope that it offers.
    pub scope_descriptions: ScopeDescriptions,
    /// The scopes that users may give to their API keys, a subset of its scopes. If empty, the API accepts no API keys.
    pub key_scopes: Scopes,
    /// The form and content of its tokens.
    pub rules: TokenRules,
    /// Whether clients that describe themselves (`client_document`) may have tokens for it.
    pub documents: bool,
}

/// Why an API cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiError {
    /// Not an absolute URI without a fragment, or too long.
    Identifier,
    /// `signet:` scopes belong to the issuer.
    ReservedScope,
    /// A description of a scope that it does not offer.
    UnknownScope,
    /// A description that is blank, too long or not printable.
    ScopeDescription,
    /// A scope for API keys that it does not offer.
    KeyScope,
}

impl ApiError {
    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Identifier => {
                "An API identifier is an absolute URI without a fragment, at most 256 characters, \
                 for example https://api.example.com."
            }
            Self::ReservedScope => "Scopes that begin with signet: belong to the issuer itself.",
            Self::UnknownScope => "Only a scope that the API offers can have a description.",
            Self::ScopeDescription => {
                "A description of a scope has 1 to 200 printable characters, such as: See your orders"
            }
            Self::KeyScope => "Only a scope that the API offers can be opened to API keys.",
        }
    }
}

impl Api {
    /// An API with this identifier and these scopes, with the default rules for its tokens.
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
        let rules = TokenRules::DEFAULT;
        let (identifier, scope_descriptions) = (identifier.to_owned(), BTreeMap::new());
        let (none, key_scopes) = (Scopes::default(), Scopes::default());
        let documents = false;
        Self { identifier, scopes: none, scope_descriptions, key_scopes, rules, documents }
            .offering(scopes)
    }

    /// The same API with other scopes. The descriptions of removed scopes are dropped, and API keys lose these scopes.
    ///
    /// # Errors
    /// When a scope is reserved for the issuer.
    pub fn offering(self, scopes: Scopes) -> Result<Self, ApiError> {
        if scopes.iter().any(scope::is_reserved) {
            return Err(ApiError::ReservedScope);
        }
        let mut scope_descriptions = self.scope_descriptions;
        scope_descriptions.retain(|scope, _| scopes.contains(scope));
        let key_scopes = self.key_scopes.only(|scope| scopes.contains(scope));
        Ok(Self { scopes, scope_descriptions, key_scopes, ..self })
    }

    /// The same API with these scopes for API keys.
    ///
    /// # Errors
    /// When the API does not offer one of them.
    pub fn opening_to_keys(self, key_scopes: Scopes) -> Result<Self, ApiError> {
        if !key_scopes.is_within(&self.scopes) {
            return Err(ApiError::KeyScope);
        }
        Ok(Self { key_scopes, ..self })
    }

    /// The same API with these descriptions for their scopes; `None` removes one.
    ///
    /// # Errors
    /// When the API does not offer a scope, or a description is invalid.
    pub fn describing<'a>(
        mut self,
        changed: impl IntoIterator<Item = (&'a String, &'a Option<String>)>,
    ) -> Result<Self, ApiError> {
        for (scope, description) in changed {
            let Some(description) = description else {
                self.scope_descriptions.remove(scope);
                continue;
            };
            if !self.scopes.contains(scope) {
                return Err(ApiError::UnknownScope);
            }
            let is_short = description.chars().count() <= MAX_DESCRIPTION;
            if !is_short || !text::is_readable_name(description) {
                return Err(ApiError::ScopeDescription);
            }
            self.scope_descriptions.insert(scope.clone(), description.clone());
        }
        Ok(self)
    }
}

/// The audience of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Signet itself: the token is accepted only at `/v1`.
    Issuer,
    /// A registered API: `/v1` refuses the token.
    Api(Api),
}

impl Target {
    /// The API's identifier; `None` for the issuer.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        match self {
            Self::Issuer => None,
            Self::Api(api) => Some(&api.identifier),
        }
    }

    /// Whether it has this scope.
    #[must_use]
    pub fn offers(&self, scope: &str) -> bool {
        match self {
            Self::Issuer => permission::is_admin_scope(scope),
            Self::Api(api) => api.scopes.contains(scope),
        }
    }

    /// The description of a scope, if there is one.
    #[must_use]
    pub fn description_of(&self, scope: &str) -> Option<&str> {
        match self {
            Self::Issuer => None,
            Self::Api(api) => api.scope_descriptions.get(scope).map(String::as_str),
        }
    }

    /// The form and content of tokens for it.
    #[must_use]
    pub const fn rules(&self) -> &TokenRules {
        static ISSUERS: TokenRules = TokenRules::DEFAULT;
        match self {
            Self::Issuer => &ISSUERS,
            Self::Api(api) => &api.rules,
        }
    }
}

/// Whether `text` may name a scope of an API.
#[must_use]
pub fn is_api_scope(text: &str) -> bool {
    scope::is_scope(text) && !scope::is_reserved(text)
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
