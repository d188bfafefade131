//! OpenID Connect: the standard scopes, and the claims that they give to a client.
//!
//! Owns the list of claims about a user. Individual requests are in `claims_request`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::scope::Scopes;
use super::user::User;

/// The scope that makes a request an OpenID Connect request.
pub const OPENID: &str = "openid";
/// The scope that keeps a session alive after its user has logged out (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A scope, and the claims that it grants.
pub struct ScopeClaims {
    /// The scope.
    pub scope: &'static str,
    /// The claims.
    pub claims: &'static [&'static str],
}

/// The supported standard scopes. The issuer has no others, apart from its own.
pub const SCOPES: &[ScopeClaims] = &[
    ScopeClaims { scope: OPENID, claims: &["sub"] },
    ScopeClaims { scope: "profile", claims: &["name", "preferred_username", "updated_at"] },
    ScopeClaims { scope: "email", claims: &["email", "email_verified"] },
    ScopeClaims { scope: "roles", claims: &["roles"] },
    ScopeClaims { scope: "groups", claims: &["groups"] },
    ScopeClaims { scope: OFFLINE_ACCESS, claims: &[] },
];

/// Standard scopes (OpenID Connect Core §5.4) that Signet does not support.
const UNSUPPORTED: &[&str] = &["address", "phone"];

/// Whether `scope` is one of [`SCOPES`].
#[must_use]
pub fn is_scope(scope: &str) -> bool {
    SCOPES.iter().any(|known| known.scope == scope)
}

/// Whether `scope` is a standard one that Signet does not support.
#[must_use]
pub fn is_unsupported(scope: &str) -> bool {
    UNSUPPORTED.contains(&scope)
}

/// The scope whose consent covers the claim `name`; `None` for an unknown claim.
#[must_use]
pub fn scope_of(name: &str) -> Option<&'static str> {
    SCOPES.iter().find(|known| known.claims.contains(&name)).map(|known| known.scope)
}

/// Individually requested claims, besides those of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedClaims {
    /// In the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
    /// At the userinfo endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
}

impl RequestedClaims {
    /// Whether no claim was requested.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The claims whose scope the client may request: a claim is part of a scope, and must not bypass the
    /// limits of a client.
    #[must_use]
    pub fn only(&self, may_request_scope: impl Fn(&str) -> bool) -> Self {
        let passes = |name: &&String| scope_of(name).is_some_and(&may_request_scope);
        Self {
            id_token: self.id_token.iter().filter(passes).cloned().collect(),
            userinfo: self.userinfo.iter().filter(passes).cloned().collect(),
        }
    }

    /// The scopes that the user must consent to for these claims.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> {
        self.id_token.iter().chain(&self.userinfo).filter_map(|name| scope_of(name))
    }
}

/// The claims at the userinfo endpoint besides `sub`: those of the scopes and those requested individually.
#[must_use]
pub fn userinfo(user: &User, scopes: &Scopes, asked: &RequestedClaims) -> Map<String, Value> {
    let granted = SCOPES.iter().filter(|known| scopes.contains(known.scope));
    let names = granted.flat_map(|known| known.claims).copied();
    claims(user, names.chain(asked.userinfo.iter().map(String::as_str)))
}

/// The most bytes of claims about the user in an ID token, in JSON. An ID token comes back as `id_token_hint` in a
/// URL of at most 16 KiB.
const MAX_ID_TOKEN_CLAIMS: usize = 8 * 1024;

/// The claims in an ID token besides `sub`: those requested individually and those of `scopes`. A claim that would
/// make them longer than 8 KiB is left out; the userinfo endpoint has it.
#[must_use]
pub fn id_token(user: &User, scopes: &Scopes, asked: &RequestedClaims) -> Map<String, Value> {
    let granted = SCOPES.iter().filter(|known| scopes.contains(known.scope));
    let names = asked.id_token.iter().map(String::as_str);
    let all = claims(user, names.chain(granted.flat_map(|known| known.claims).copied()));
    let mut size = 0;
    let fits = |(name, value): &(String, Value)| {
        // Quotes, colon and comma.
        let length = name.len() + value.to_string().len() + 4;
        let fits = size + length <= MAX_ID_TOKEN_CLAIMS;
        size += if fits { length } else { 0 };
        fits
    };
    all.into_iter().filter(fits).collect()
}

/// The claims of these names that the user has. Never `sub`, which every response contains.
#[must_use]
pub fn claims<'a>(user: &User, names: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let value = |name: &str| match name {
        "name" => user.name.as_ref().map(|name| json!(name)),
        "preferred_username" => Some(json!(user.login)),
        "email" => user.verified_email().map(|email| json!(email)),
        "email_verified" => user.verified_email().map(|_| json!(true)),
        "updated_at" => Some(json!(user.updated_at.secs())),
        "roles" => Some(json!(user.subject().token_roles())),
        "groups" => Some(json!(user.attributes.groups)),
        _ => None,
    };
    names.filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::base::id::UserId;
    use crate::domain::attributes::Attributes;
    use crate::domain::user::Role;
    use crate::domain::user_email::UserEmail;

    fn user(name: Option<&str>) -> User {
        User {
            id: UserId::earliest(Timestamp::from_secs(1)),
            login: "ada@example.com".to_owned(),
            name: name.map(str::to_owned),
            role: Role::User,
            attributes: Attributes { groups: vec!["staff".to_owned()], ..Attributes::default() },
            email: None,
            disabled_at: None,
            created_at: Timestamp::from_secs(1),
            updated_at: Timestamp::from_secs(7),
            session_epoch: 0,
            must_change_password: false,
        }
    }

    #[test]
    fn a_scope_tells_its_claims_and_no_others() {
        let told = |scopes: &str, name| {
            let scopes = Scopes::parse(scopes).unwrap();
            Value::Object(userinfo(&user(name), &scopes, &RequestedClaims::default()))
        };
        assert_eq!(told("openid", Some("Ada")), json!({}));
        assert_eq!(
            told("openid profile", Some("Ada")),
            json!({"name": "Ada", "preferred_username": "ada@example.com", "updated_at": 7})
        );
        assert_eq!(
            told("profile groups", None),
            json!({"preferred_username": "ada@example.com", "updated_at": 7, "groups": ["staff"]})
        );
    }

    #[test]
    fn an_unverified_address_is_never_disclosed() {
        let asked = RequestedClaims {
            userinfo: vec!["email_verified".to_owned()],
            id_token: vec!["email".to_owned()],
        };
        for (verified_at, at_userinfo, by_name) in [
            (None, json!({}), json!({})),
            (
                Some(Timestamp::from_secs(2)),
                json!({"email": "ada@x.org", "email_verified": true}),
                json!({"email": "ada@x.org"}),
            ),
        ] {
            let email = UserEmail { address: "ada@x.org".to_owned(), verified_at };
            let ada = User { email: Some(email), ..user(None) };
            let scopes = Scopes::parse("openid email").unwrap();
            assert_eq!(Value::Object(userinfo(&ada, &scopes, &asked)), at_userinfo);
            let told = id_token(&ada, &Scopes::default(), &asked);
            assert_eq!(Value::Object(told), by_name);
        }
    }

    #[test]
    fn an_id_token_has_at_most_8_kib_of_claims_and_the_small_ones_first() {
        let many =
            |letter: &str| (0..64).map(|n| format!("{n:02}{}", letter.repeat(126))).collect();
        let large = Attributes { roles: many("r"), groups: many("g"), ..Attributes::default() };
        let large = User { attributes: large, ..user(Some("Ada")) };
        let scopes = Scopes::parse("openid roles groups profile").unwrap();
        let told = id_token(&large, &scopes, &RequestedClaims::default());
        assert!(told.contains_key("name") && !told.contains_key("groups"), "{:?}", told.keys());
        assert!(Value::Object(told).to_string().len() <= MAX_ID_TOKEN_CLAIMS);
        let half = Attributes { groups: many("g")[..60].to_vec(), ..Attributes::default() };
        let half = User { attributes: half, ..user(None) };
        let told = id_token(&half, &scopes, &RequestedClaims::default());
        assert_eq!(told["groups"].as_array().map(Vec::len), Some(60));
        let none = id_token(&large, &Scopes::default(), &RequestedClaims::default());
        assert!(none.is_empty());
    }

    #[test]
    fn a_requested_claim_is_returned_at_its_place() {
        let asked =
            RequestedClaims { userinfo: vec!["name".to_owned()], ..RequestedClaims::default() };
        let scopes = Scopes::parse("openid").unwrap();
        let told = userinfo(&user(Some("Ada")), &scopes, &asked);
        assert_eq!(Value::Object(told), json!({"name": "Ada"}));
        assert_eq!(asked.scopes().collect::<Vec<_>>(), ["profile"]);
        assert_eq!((scope_of("email_verified"), scope_of("phone_number")), (Some("email"), None));
    }
}
