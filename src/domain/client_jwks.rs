//! The public keys a client authenticates with: which JWKs may be registered (RFC 7517, RFC 7523).
//!
//! Owns the refusal of private members, the number and names of keys, and drops every member that says
//! nothing about the key. Fetches nothing: `x5u` and `jku` are not followed. Whether a signature can be
//! checked with a key is `crypto::client_key`'s to say.

use serde_json::{Map, Value};

use super::signing_key::is_kid;

/// The most keys of one client: a few in use and those that take their places.
pub const MAX_KEYS: usize = 16;
/// The members that are kept.
const MEMBERS: &[&str] = &["kty", "use", "key_ops", "alg", "kid", "crv", "n", "e", "x", "y"];
/// The members of private and shared keys (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why keys cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Neither a JWK set nor a list of JWKs.
    Form,
    /// A private or shared key.
    Private,
    /// Lacks a member, or has one that cannot be.
    Unreadable,
    /// Of a kind, a curve or a size no signature is checked with, or for another algorithm.
    Unfit,
    /// For something else than signatures.
    Purpose,
    /// A `kid` that is none.
    Kid,
    /// Two keys of one `kid`.
    SameKid,
    /// Too many.
    TooMany,
}

impl KeyError {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Form | Self::Kid => "malformed",
            Self::Private => "private_key",
            Self::Unreadable => "unreadable_key",
            Self::Unfit => "unsupported_key",
            Self::Purpose => "not_for_signatures",
            Self::SameKid => "same_kid",
            Self::TooMany => "too_many",
        }
    }

    /// A sentence for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Form => r#"Send public keys as a JWK set, {"keys":[...]}, or a list of JWKs."#,
            Self::Private => {
                "This is a private key. Send the public half only, and make a new pair: this one \
                 has left its owner."
            }
            Self::Unreadable => "A key lacks a member of its type or has one that cannot be.",
            Self::Unfit => {
                "A key is for ES256, ES384, EdDSA (Ed25519), RS256 or PS256; RSA has 2048 to 8192 \
                 bits."
            }
            Self::Purpose => r#"The use of a key is "sig" and its key_ops hold "verify"."#,
            Self::Kid => "A kid is 1 to 255 printable ASCII characters.",
            Self::SameKid => "Each kid names one key.",
            Self::TooMany => "At most 16 keys.",
        }
    }
}

/// The keys in `given`, as they are to be kept: a JWK set, a list of JWKs or one JWK; null is none.
///
/// `check_key` says whether a signature can be checked with one of them, which takes a crypto library.
///
/// # Errors
/// The first thing that is wrong; a private key before anything else.
pub fn accept(
    given: &Value,
    check_key: impl Fn(&Value) -> Result<(), KeyError>,
) -> Result<Vec<Value>, KeyError> {
    let keys = match given {
        Value::Null => return Ok(Vec::new()),
        Value::Array(keys) => keys.as_slice(),
        Value::Object(members) => match members.get("keys") {
            Some(Value::Array(keys)) => keys.as_slice(),
            None if members.contains_key("kty") => std::slice::from_ref(given),
            _ => return Err(KeyError::Form),
        },
        _ => return Err(KeyError::Form),
    };
    let secret = |key: &Value| PRIVATE.iter().any(|member| key.get(member).is_some());
    if keys.iter().any(secret) {
        return Err(KeyError::Private);
    }
    if keys.len() > MAX_KEYS {
        return Err(KeyError::TooMany);
    }
    let kept = keys.iter().map(|key| accept_one(key, &check_key)).collect::<Result<Vec<_>, _>>()?;
    let mut kids: Vec<&str> = kept.iter().filter_map(|key| key["kid"].as_str()).collect();
    kids.sort_unstable();
    if kids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(KeyError::SameKid);
    }
    Ok(kept)
}

fn accept_one(
    key: &Value,
    check_key: impl Fn(&Value) -> Result<(), KeyError>,
) -> Result<Value, KeyError> {
    let members = key.as_object().ok_or(KeyError::Form)?;
    if !members.get("kty").is_some_and(Value::is_string) {
        return Err(KeyError::Unreadable);
    }
    check_key(key)?;
    check_purpose(members)?;
    match members.get("kid") {
        None => {}
        Some(Value::String(kid)) if is_kid(kid) => {}
        Some(_) => return Err(KeyError::Kid),
    }
    let known = members.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
    Ok(Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

fn check_purpose(members: &Map<String, Value>) -> Result<(), KeyError> {
    let signatures = members.get("use").is_none_or(|purpose| purpose == "sig");
    let verifies = members.get("key_ops").is_none_or(|ops| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|operation| operation == "verify"))
    });
    if signatures && verifies { Ok(()) } else { Err(KeyError::Purpose) }
}
