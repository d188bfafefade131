//! APIs: the audiences access tokens can be made for.
//!
//! Owns what an API identifier is and what an API offers. Does not know how either is stored.

use std::collections::BTreeMap;

use super::permission;
use super::scope::{self, Scopes};
use super::text;
use super::token_rules::TokenRules;

/// The longest API identifier, in bytes.
const MAX_IDENTIFIER: usize = 256;

/// The longest description of a scope, in characters.
const MAX_DESCRIPTION: usize = 200;

/// What scopes mean, in words for users, by the names of the scopes.
pub type ScopeDescriptions = BTreeMap<String, String>;

/// A registered API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The identifier, `aud` in its tokens; compared byte for byte (RFC 8707 §2).
    pub identifier: String,
    /// The scopes it offers.
    pub scopes: Scopes,
    /// What its scopes mean, where an administrator has said it: each is a scope that it offers.
    pub scope_descriptions: ScopeDescriptions,
    /// How its tokens look.
    pub rules: TokenRules,
    /// Whether clients that describe themselves (`client_document`) may have tokens for it.
    pub documents: bool,
}

/// Why an API cannot be registered like that.
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
}

impl ApiError {
    /// A sentence for people.
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
        }
    }
}

impl Api {
    /// An API with this identifier and these scopes, whose tokens look like the server's own.
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
        let scopes_of_new = Scopes::default();
        Self { identifier, scopes: scopes_of_new, scope_descriptions, rules, documents: false }
            .offering(scopes)
    }

    /// The same API with other scopes. Descriptions of scopes that it does not offer any more are dropped.
    ///
    /// # Errors
    /// When a scope is reserved for the issuer.
    pub fn offering(self, scopes: Scopes) -> Result<Self, ApiError> {
        if scopes.iter().any(scope::is_reserved) {
            return Err(ApiError::ReservedScope);
        }
        let mut scope_descriptions = self.scope_descriptions;
        scope_descriptions.retain(|scope, _| scopes.contains(scope));
        Ok(Self { scopes, scope_descriptions, ..self })
    }

    /// The same API with these descriptions in the place of those of the same scopes; none removes one.
    ///
    /// # Errors
    /// When the API does not offer a scope, or a description is unacceptable.
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

    /// Whether it has this scope.
    #[must_use]
    pub fn offers(&self, scope: &str) -> bool {
        match self {
            Self::Issuer => permission::is_admin_scope(scope),
            Self::Api(api) => api.scopes.contains(scope),
        }
    }

    /// What its scope means, if an administrator has said it.
    #[must_use]
    pub fn description_of(&self, scope: &str) -> Option<&str> {
        match self {
            Self::Issuer => None,
            Self::Api(api) => api.scope_descriptions.get(scope).map(String::as_str),
        }
    }

    /// How tokens for it look.
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
