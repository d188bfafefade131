//! The claims about users that Signet makes by itself and an API may ask for.
//!
//! Owns the list. A new one is an entry: its name is reserved, APIs may ask for it, and tokens carry its
//! value. Custom claims are `attributes`.

use serde_json::Value;

use super::attributes::Subject;

/// A claim about a user that Signet makes by itself. An API that wants it names it.
pub struct UserClaim {
    /// Its name.
    pub name: &'static str,
    /// Its value; none where the user has no such claim.
    pub value: fn(&Subject) -> Option<Value>,
}

/// The claims. A list is there even when it is empty, so that an API need not tell "none" from "not said".
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
