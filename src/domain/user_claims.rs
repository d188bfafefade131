//! The built-in claims about users that an API may request.
//!
//! A new entry reserves its name, allows APIs to request it, and puts its value into tokens. Custom claims are in
//! `attributes`.

use serde_json::Value;

use super::attributes::Subject;

/// A built-in claim about a user. APIs request it by name.
pub struct UserClaim {
    /// Its name.
    pub name: &'static str,
    /// Its value; `None` if the user does not have it.
    pub value: fn(&Subject) -> Option<Value>,
}

/// The claims. Lists are present even if they are empty, so that an API need not distinguish an empty list from a
/// missing one.
pub const USER_CLAIMS: &[UserClaim] = &[
    // RFC 9068 §2.2.3.1.
    UserClaim { name: "roles", value: |subject| Some(Value::from(subject.token_roles())) },
    UserClaim {
        name: "groups",
        value: |subject| Some(Value::from(subject.attributes.groups.clone())),
    },
    // OpenID Connect Core §5.1. Both are left out where the address is not verified.
    UserClaim { name: "email", value: |subject| subject.verified_email().map(Value::from) },
    UserClaim {
        name: "email_verified",
        value: |subject| subject.verified_email().map(|_| Value::from(true)),
    },
];

/// The claim `name`, if it is one of [`USER_CLAIMS`].
#[must_use]
pub fn user_claim(name: &str) -> Option<&'static UserClaim> {
    USER_CLAIMS.iter().find(|claim| claim.name == name)
}
