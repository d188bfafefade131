//! Parameters by the rules of OAuth.
//!
//! A parameter without a value is absent, a repeated one is an error (RFC 6749 §3.1), and an unknown one is
//! ignored.

use std::collections::BTreeMap;

use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Refusal, quotable};
use crate::domain::refusal_reason::Reason;
use crate::domain::text::is_storable;

/// The most parameters of one request; the standards define about forty.
const MAX_PARAMS: usize = 100;

/// The only parameter that may be repeated (RFC 8707 §2).
const RESOURCE: &str = "resource";

/// Parameters that are hashed or decoded before use: their text is never stored, and errors in them have their own
/// refusals.
const HASHED: &[&str] = &[
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token_hint",
    "password",
    "refresh_token",
    "subject_token",
    "actor_token",
    "token",
];

/// Names and values.
#[derive(Debug, Clone, Default)]
pub struct Params {
    map: BTreeMap<String, String>,
    resources: Vec<String>,
    repeated: Vec<String>,
}

impl Params {
    /// Parses a form-encoded body or query.
    ///
    /// # Errors
    /// When there are too many, or one contains U+0000, which PostgreSQL cannot store.
    pub fn parse(encoded: &[u8]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        for (count, (name, value)) in url::form_urlencoded::parse(encoded).enumerate() {
            if count == MAX_PARAMS {
                return Err(invalid_because(Reason::TooManyParameters));
            }
            if !is_storable(&name) || (!is_storable(&value) && !HASHED.contains(&&*name)) {
                let message = format!("The parameter {} contains U+0000.", quotable(&name));
                return Err(invalid("").with_message(message));
            }
            if name == RESOURCE && !value.is_empty() {
                params.resources.push(value.into_owned());
            } else if params.map.contains_key(&*name) {
                params.repeated.push(name.into_owned());
            } else {
                params.map.insert(name.into_owned(), value.into_owned());
            }
        }
        Ok(params)
    }

    /// The same without the parameters of these names.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.map.retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// The same with a parameter replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.map.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Every name and value, in the form encoding.
    #[must_use]
    pub fn encoded(&self) -> String {
        let resources = self.resources.iter().map(|resource| (RESOURCE, resource.as_str()));
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.map.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .extend_pairs(resources)
            .finish()
    }

    /// A parameter, unless it has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.map.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The parameters for storage.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A required parameter; `message` is the error.
    ///
    /// # Errors
    /// `invalid_request` when it is missing.
    pub fn required(&self, name: &str, message: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| invalid(message))
    }

    /// The requested targets: `resource` (RFC 8707), or `audience`, which many libraries send.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().map(String::as_str).chain(self.get("audience"))
    }

    /// Whether a parameter is repeated.
    #[must_use]
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// Refuses a request with a repeated parameter.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn once(&self) -> Result<(), Refusal> {
        match self.repeated.is_empty() {
            true => Ok(()),
            false => Err(invalid_because(Reason::RepeatedParameter)),
        }
    }
}

/// The refusal of a request with a translated reason.
const fn invalid_because(reason: Reason) -> Refusal {
    Refusal::oauth_because(OAuthError::InvalidRequest, reason)
}

/// The refusal of an invalid request.
#[must_use]
pub const fn invalid(message: &'static str) -> Refusal {
    Refusal::oauth(OAuthError::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_no_value_and_a_second_one_is_wrong() {
        let params = Params::parse(b"a=1&b=&c=x%20y&resource=u&resource=v&audience=w").unwrap();
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c")),
            (Some("1"), None, Some("x y"))
        );
        assert_eq!(params.targets().collect::<Vec<_>>(), ["u", "v", "w"]);
        assert!(params.once().is_ok());
        let twice = Params::parse(b"a=1&a=1&b=").unwrap();
        assert!(twice.once().is_err() && twice.is_repeated("a") && !twice.is_repeated("b"));
        assert!(Params::parse(b"a=&a=").unwrap().once().is_err(), "absent twice is twice");
        assert!(Params::parse(b"x=&").is_ok());
        assert!(Params::parse(b"a=%00").is_err() && Params::parse(b"%00=a").is_err());
        assert!(Params::parse(b"code=%00").is_ok(), "a code is hashed");
        let many: String = (0..101).map(|n| format!("p{n}=&")).collect();
        assert!(Params::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn form_encoding_round_trips() {
        let params = Params::parse(b"state=%26%3D%2B+%C3%BC&resource=https%3A%2F%2Fa").unwrap();
        let again = Params::parse(params.encoded().as_bytes()).unwrap();
        assert_eq!(again.get("state"), Some("&=+ \u{fc}"));
        assert_eq!(again.targets().collect::<Vec<_>>(), ["https://a"]);
    }
}
