//! The header and the claims of the tokens Signet issues.
//!
//! Owns which members a token has and how they are spelt. Does not sign; which of a user's
//! attributes an API gets to see is said by `token_rules`, what they are by `attributes`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::Timestamp;

use super::api::Target;
use super::attributes::Subject;
use super::grant;
use super::session::Session;
use super::token_rules::{GROUPS, ROLES, TokenProfile, TokenRules};

pub use super::token_type::TokenType;

/// The header of a token: exactly these three members.
#[derive(Debug, Serialize)]
pub struct Header<'a> {
    /// The algorithm.
    pub alg: &'a str,
    /// The key's name.
    pub kid: &'a str,
    /// The token's kind.
    pub typ: TokenType,
}

/// When, for whom and out of what an access token is made.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The session that vouches for it.
    pub session: &'a Session,
    /// A random id.
    pub jti: &'a str,
    /// When it is made.
    pub now: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize)]
pub struct AccessClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user.
    pub sub: String,
    /// The API, or the issuer itself; always exactly one.
    pub aud: &'a str,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// A random id of this token.
    pub jti: &'a str,
    /// The client it was issued to.
    pub client_id: &'a str,
    /// The same once more, where verifiers look for it under this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<&'a str>,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// The session it belongs to.
    pub sid: String,
    /// When the user authenticated.
    pub auth_time: i64,
    /// How (RFC 8176).
    pub amr: &'static [&'static str],
    /// What the API asks about the user; none of these names is one of the above.
    #[serde(flatten)]
    pub asked: Map<String, Value>,
}

impl<'a> AccessClaims<'a> {
    /// The claims of a token for `target`, with `asked` from [`asked_by`].
    #[must_use]
    pub fn new(on: &Occasion<'a>, target: &Target, asked: Map<String, Value>) -> Self {
        let session = on.session;
        let azp = match target.rules().profile {
            TokenProfile::Rfc9068 => None,
            TokenProfile::Jwt => Some(&*session.client_id),
        };
        Self {
            iss: on.issuer,
            sub: session.user_id.to_string(),
            aud: session.audience.as_deref().unwrap_or(on.issuer),
            exp: on.expires.secs(),
            iat: on.now.secs(),
            jti: on.jti,
            client_id: &session.client_id,
            azp,
            scope: grant::remaining(target, &session.scopes).to_string(),
            sid: session.id.to_string(),
            auth_time: session.created_at.secs(),
            amr: &["pwd"],
            asked,
        }
    }
}

/// The claims about the user that `rules` ask for. Roles and groups are lists even when empty, so
/// that an API need not tell "none" from "not said"; a custom claim the user does not have is left
/// out.
#[must_use]
pub fn asked_by(rules: &TokenRules, subject: &Subject) -> Map<String, Value> {
    let value = |name: &str| match name {
        ROLES => Some(Value::from(subject.token_roles())),
        GROUPS => Some(Value::from(subject.attributes.groups.clone())),
        name => subject.attributes.claims.get(name).cloned(),
    };
    rules.claims.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
}

/// What our own endpoints read from an access token after its signature was verified.
#[derive(Debug, Clone, Deserialize)]
pub struct VerifiedClaims {
    /// The user.
    pub sub: String,
    /// The session.
    pub sid: String,
    /// The scopes.
    pub scope: String,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::attributes::Attributes;
    use crate::domain::user::Role;

    #[test]
    fn an_api_sees_what_it_asks_for_and_nothing_else() {
        let Value::Object(claims) = json!({"department": "sales", "floor": 3}) else { panic!() };
        let attributes = Attributes { roles: vec!["support".to_owned()], groups: vec![], claims };
        let subject = Subject { role: Role::Admin, attributes };
        let asked = |names: &[&str]| {
            let claims = names.iter().map(|name| (*name).to_owned()).collect();
            Value::Object(asked_by(&TokenRules { claims, ..TokenRules::DEFAULT }, &subject))
        };
        assert_eq!(asked(&[]), json!({}));
        assert_eq!(
            asked(&["roles", "groups"]),
            json!({"roles": ["support", "admin"], "groups": []})
        );
        assert_eq!(asked(&["floor", "no_such"]), json!({"floor": 3}));
    }
}
