//! Attributes of users: application roles, groups, custom claims.
//!
//! Owns the rules for names and values and their number. Roles at Signet itself are `user::Role`; `token_rules`
//! decides which attributes go into a token.

use serde_json::{Map, Value};

use super::text;
use crate::text_enum;

use super::user_claims::user_claim;
use super::user_email::UserEmail;

/// The most application roles, and the most groups, of one user.
pub const MAX_LABELS: usize = 64;
/// The longest name of a role or a group, in characters.
pub const MAX_LABEL: usize = 128;
/// The most custom claims of one user.
pub const MAX_CLAIMS: usize = 32;
/// The longest name of a claim.
const MAX_CLAIM_NAME: usize = 64;
/// The largest value of a claim, in bytes: the text itself, or the JSON of anything else.
const MAX_VALUE: usize = 1024;
/// The largest set of claims, in bytes of JSON.
const MAX_ALL: usize = 4 * 1024;
/// The largest integer that every JSON implementation reads exactly (RFC 8259 §6).
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Claims with a meaning of their own in an access token or ID token, besides those of every user.
const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "api_key_id",
    "scope",
    "scp",
    "sid",
    "auth_time",
    "amr",
    "acr",
    "azp",
    "act",
    "may_act",
    "cnf",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "typ",
    "events",
    "entitlements",
    "token_use",
    "tok",
];

/// Whether `name` is syntactically a claim name: 1 to 64 characters out of `a-z A-Z 0-9 _ - . : /`.
#[must_use]
pub fn is_claim_name(name: &str) -> bool {
    (1..=MAX_CLAIM_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b))
}

/// Whether `name` is defined by a standard or by Signet.
#[must_use]
pub fn is_reserved_claim(name: &str) -> bool {
    RESERVED.contains(&name) || user_claim(name).is_some() || name.starts_with("signet")
}

/// Whether `name` is valid for an application role or a group: 1 to 128 printable characters.
#[must_use]
pub fn is_label(name: &str) -> bool {
    name.chars().count() <= MAX_LABEL && text::is_readable_name(name)
}

text_enum! {
    /// The role of a user in Signet itself.
    pub enum Role {
        /// Log in, and manage their own account.
        User = "user",
        /// Administer everything.
        Admin = "admin",
        /// Read everything but secrets, and export the audit trail.
        Auditor = "signet:auditor",
        /// Find users and help them back into their accounts.
        Helpdesk = "signet:helpdesk",
    }
}

/// The error message for an unknown role of Signet.
pub const ROLE_RULE: &str = "A role is user, admin, signet:auditor or signet:helpdesk.";

/// The prefix of Signet's own roles, which no application role has.
const RESERVED_ROLE: &str = "signet:";

impl Role {
    /// Whether the role grants any administration right.
    #[must_use]
    pub const fn is_signets_own(self) -> bool {
        !matches!(self, Self::User)
    }

    /// Whether a change to `after` withdraws rights.
    #[must_use]
    pub fn loses_rights(self, after: Self) -> bool {
        self.is_signets_own() && after != self && after != Self::Admin
    }
}

/// Whether an application role must not have this name. Case-insensitive, because some verifiers ignore case in roles.
#[must_use]
pub fn is_own_role(name: &str) -> bool {
    let start = name.get(..RESERVED_ROLE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_ROLE))
        || Role::ALL.iter().any(|role| role.as_str().eq_ignore_ascii_case(name))
}

/// Roles, groups and claims of one user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Application roles, in the given order. New ones cannot be Signet's own ([`is_own_role`]); rows of earlier
    /// versions may have some that begin with `signet:`.
    pub roles: Vec<String>,
    /// Groups, in the order they were named.
    pub groups: Vec<String>,
    /// Custom claims.
    pub claims: Map<String, Value>,
}

/// Why attributes are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeError {
    /// A role with an unacceptable name, or too many roles.
    Roles,
    /// A role that is a list of roles.
    RoleList,
    /// A role that is Signet's own.
    OwnRole,
    /// A group with an unacceptable name, or too many groups.
    Groups,
    /// A claim with an unacceptable name.
    ClaimName,
    /// A claim with a meaning in the standards or in Signet.
    ReservedClaim,
    /// A claim of a type that not every verifier understands.
    ClaimType,
    /// Too many claims, or too large ones.
    ClaimSize,
}

impl AttributeError {
    /// The field at fault, by its name on the wire.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Roles | Self::RoleList | Self::OwnRole => "roles",
            Self::Groups => "groups",
            Self::ClaimName | Self::ReservedClaim | Self::ClaimType | Self::ClaimSize => "claims",
        }
    }

    /// A stable error code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Roles | Self::RoleList | Self::Groups | Self::ClaimName => "malformed",
            Self::OwnRole | Self::ReservedClaim => "reserved",
            Self::ClaimType => "wrong_type",
            Self::ClaimSize => "too_long",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Roles => {
                "Up to 64 roles of 1 to 128 visible characters each, without control characters."
            }
            Self::RoleList => {
                "A role with commas is a list of roles: send each as a string of its own."
            }
            Self::OwnRole => {
                "admin, user and names that begin with signet: are Signet's own roles, however they are written; \
                 an application role needs another name."
            }
            Self::Groups => {
                "Up to 64 groups of 1 to 128 visible characters each, without control characters."
            }
            Self::ClaimName => {
                "The name of a claim has 1 to 64 characters from a-z A-Z 0-9 _ - . : /."
            }
            Self::ReservedClaim => {
                "The name of a claim must not be one that tokens already have, and must not begin with signet."
            }
            Self::ClaimType => {
                "A claim is a text without control characters, a whole number of up to 53 bits, \
                 true or false, or a list of such texts."
            }
            Self::ClaimSize => {
                "Up to 32 claims; a value has up to 1 KiB, all claims of a user 4 KiB."
            }
        }
    }
}

impl Attributes {
    /// Applies every rule, and removes duplicate names.
    ///
    /// # Errors
    /// The first violated rule.
    pub fn checked(self) -> Result<Self, AttributeError> {
        let roles = labels(self.roles).ok_or(AttributeError::Roles)?;
        if roles.iter().any(|role| is_list(role)) {
            return Err(AttributeError::RoleList);
        }
        if roles.iter().any(|role| is_own_role(role)) {
            return Err(AttributeError::OwnRole);
        }
        let groups = labels(self.groups).ok_or(AttributeError::Groups)?;
        for (name, value) in &self.claims {
            if !is_claim_name(name) {
                return Err(AttributeError::ClaimName);
            }
            if is_reserved_claim(name) {
                return Err(AttributeError::ReservedClaim);
            }
            if !is_claim_value(value) {
                return Err(AttributeError::ClaimType);
            }
            if size_of(value) > MAX_VALUE {
                return Err(AttributeError::ClaimSize);
            }
        }
        let all = self.claims.iter().map(|(name, value)| name.len() + 6 + size_of(value));
        if self.claims.len() > MAX_CLAIMS || all.sum::<usize>() > MAX_ALL {
            return Err(AttributeError::ClaimSize);
        }
        Ok(Self { roles, groups, claims: self.claims })
    }
}

/// Whether this is a list of names instead of one name. A distinguished name of a directory (`cn=sales,ou=groups`)
/// is one name.
#[must_use]
pub fn is_list(name: &str) -> bool {
    name.contains(',') && !name.split(',').all(|part| part.contains('='))
}

/// The names without duplicates, unless one is invalid or there are too many.
fn labels(names: Vec<String>) -> Option<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !is_label(&name) {
            return None;
        }
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    (kept.len() <= MAX_LABELS).then_some(kept)
}

fn size_of(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}

/// Whether a claim may have this value. Objects and fractions are refused: few verifiers support them, and
/// they compare them differently.
fn is_claim_value(value: &Value) -> bool {
    let text =
        |value: &Value| value.as_str().is_some_and(|text| !text.chars().any(char::is_control));
    match value {
        Value::String(_) => text(value),
        Value::Bool(_) => true,
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
            size.is_some_and(|size| size <= MAX_INTEGER)
        }
        Value::Array(items) => items.iter().all(text),
        Value::Null | Value::Object(_) => false,
    }
}

/// A change of custom claims: JSON merge patch (RFC 7396), where null removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimsPatch {
    /// Remove all of them.
    Clear,
    /// Set these; null removes one.
    Merge(Map<String, Value>),
}

impl ClaimsPatch {
    /// Applies the change to `claims`.
    #[must_use]
    pub fn applied_to(self, mut claims: Map<String, Value>) -> Map<String, Value> {
        let Self::Merge(patch) = self else { return Map::new() };
        for (name, value) in patch {
            if value.is_null() {
                claims.shift_remove(&name);
            } else {
                claims.insert(name, value);
            }
        }
        claims
    }
}

/// The data of a user that tokens may contain, besides that of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user's role in Signet itself.
    pub role: Role,
    /// The attributes.
    pub attributes: Attributes,
    /// The e-mail address, if the user has one.
    pub email: Option<UserEmail>,
}

impl Subject {
    /// No data, for a client that acts for itself.
    #[must_use]
    pub fn without_user() -> Self {
        Self { role: Role::User, attributes: Attributes::default(), email: None }
    }

    /// The e-mail address for tokens: only if it is verified.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_ref().and_then(UserEmail::verified)
    }

    /// The roles for tokens: the application roles, and `admin` for an administrator.
    #[must_use]
    pub fn token_roles(&self) -> Vec<String> {
        let own = (self.role == Role::Admin).then(|| self.role.as_str().to_owned());
        self.attributes.roles.iter().cloned().chain(own).collect()
    }
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
