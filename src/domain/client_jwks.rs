//! The public keys a client authenticates with: which JWKs may be registered (RFC 7517, RFC 7523).
//!
//! Refuses private members, limits the number and `kid`s of keys, assigns one algorithm to each (RFC 8725 §3.1),
//! and drops irrelevant members. `x5u` and `jku` are not followed. `crypto::client_key` checks that a key is
//! usable.

use serde_json::{Map, Value};

use super::signing_key::{SigningAlg, is_kid};

/// The most keys of one client: a few in use and their successors.
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
    /// A member is missing or invalid.
    Unreadable,
    /// A key type, curve or size that is not supported, or that does not fit `alg`.
    Unfit,
    /// Not for signatures, by `use` or `key_ops`.
    Purpose,
    /// An invalid `kid`.
    Kid,
    /// Two keys with one `kid`.
    SameKid,
    /// One key, registered for two algorithms.
    TwoAlgorithms,
    /// The private key can be computed from the public one (CVE-2017-15361).
    Weak,
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
            Self::TwoAlgorithms => "two_algorithms",
            Self::Weak => "weak_key",
            Self::TooMany => "too_many",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Form => r#"Send public keys as a JWK set, {"keys":[...]}, or a list of JWKs."#,
            Self::Private => {
                "This is a private key. Send only the public key, and create a new pair: this private key is no \
                 longer secret."
            }
            Self::Unreadable => "A key lacks a required member or has an invalid one.",
            Self::Unfit => {
                "A key is for ES256, ES384, EdDSA (Ed25519), RS256 or PS256; RSA has 2048 to 8192 \
                 bits."
            }
            Self::Purpose => r#"The use of a key is "sig" and its key_ops hold "verify"."#,
            Self::Kid => "A kid is 1 to 255 printable ASCII characters.",
            Self::SameKid => "Each kid names one key.",
            Self::TwoAlgorithms => {
                "A key is for one algorithm only: register another key for the other one."
            }
            Self::Weak => {
                "This RSA key has the ROCA weakness (CVE-2017-15361): its private half can be \
                 computed from the public one. Create a new pair with other software."
            }
            Self::TooMany => "At most 16 keys.",
        }
    }
}

/// A key that signatures can be verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedKey {
    /// Its algorithm: the one it names, otherwise RS256 for RSA and that of the curve for other keys.
    pub alg: SigningAlg,
    /// Equal for two spellings of one key.
    pub identity: String,
}

/// The keys in `given` in their stored form, each with its algorithm. `given` is a JWK set, a list of JWKs, one
/// JWK, or null for none.
///
/// `check_key` checks a key with the crypto library.
///
/// # Errors
/// The first error; a private key takes precedence.
pub fn accept(
    given: &Value,
    check_key: impl Fn(&Value) -> Result<CheckedKey, KeyError>,
) -> Result<Vec<Value>, KeyError> {
    let keys = listed(given).ok_or(KeyError::Form)?;
    let secret = |key: &Value| PRIVATE.iter().any(|member| key.get(member).is_some());
    if keys.iter().any(secret) {
        return Err(KeyError::Private);
    }
    if keys.len() > MAX_KEYS {
        return Err(KeyError::TooMany);
    }
    let kept = keys.iter().map(|key| accept_one(key, &check_key)).collect::<Result<Vec<_>, _>>()?;
    let mut kids: Vec<&str> = kept.iter().filter_map(|(key, _)| key["kid"].as_str()).collect();
    kids.sort_unstable();
    if kids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(KeyError::SameKid);
    }
    let twice = |(_, one): &(Value, CheckedKey)| {
        kept.iter().any(|(_, other)| one.identity == other.identity && one.alg != other.alg)
    };
    if kept.iter().any(twice) {
        return Err(KeyError::TwoAlgorithms);
    }
    Ok(kept.into_iter().map(|(key, _)| key).collect())
}

/// The keys in `given`; `None` if it has none of the accepted forms.
#[must_use]
pub fn listed(given: &Value) -> Option<&[Value]> {
    match given {
        Value::Null => Some(&[]),
        Value::Array(keys) => Some(keys),
        Value::Object(members) => match members.get("keys") {
            Some(Value::Array(keys)) => Some(keys),
            None if members.contains_key("kty") => Some(std::slice::from_ref(given)),
            _ => None,
        },
        _ => None,
    }
}

/// The names of stored keys that verify two algorithms: RSA keys without `alg`, from before each key had one algorithm.
#[must_use]
pub fn of_two_algorithms(stored: &[Value]) -> Vec<String> {
    named(stored, |key| key["kty"] == "RSA" && key.get("alg").is_none())
}

/// The names of the keys that `chosen` selects: their `kid`, or their position in the list.
pub fn named(keys: &[Value], chosen: impl Fn(&Value) -> bool) -> Vec<String> {
    let name = |(index, key): (usize, &Value)| match key["kid"].as_str() {
        Some(kid) => format!("\"{kid}\""),
        None => format!("number {} (no kid)", index + 1),
    };
    keys.iter().enumerate().filter(|(_, key)| chosen(key)).map(name).collect()
}

fn accept_one(
    key: &Value,
    check_key: impl Fn(&Value) -> Result<CheckedKey, KeyError>,
) -> Result<(Value, CheckedKey), KeyError> {
    let members = key.as_object().ok_or(KeyError::Form)?;
    if !members.get("kty").is_some_and(Value::is_string) {
        return Err(KeyError::Unreadable);
    }
    let checked = check_key(key)?;
    check_purpose(members)?;
    match members.get("kid") {
        None => {}
        Some(Value::String(kid)) if is_kid(kid) => {}
        Some(_) => return Err(KeyError::Kid),
    }
    let known = members.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
    let known = known.map(|(name, value)| (name.clone(), value.clone()));
    let mut kept: Map<String, Value> = known.collect();
    if !kept.contains_key("alg") {
        kept.insert("alg".to_owned(), Value::from(checked.alg.as_str()));
    }
    Ok((Value::Object(kept), checked))
}

fn check_purpose(members: &Map<String, Value>) -> Result<(), KeyError> {
    let signatures = members.get("use").is_none_or(|purpose| purpose == "sig");
    let verifies = members.get("key_ops").is_none_or(|ops| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|operation| operation == "verify"))
    });
    if signatures && verifies { Ok(()) } else { Err(KeyError::Purpose) }
}
