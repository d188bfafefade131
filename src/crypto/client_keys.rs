//! The public keys a client proves with who it is: which JWKs may be registered (RFC 7517, RFC 7523).
//!
//! Owns the refusal of private members and of keys no signature can be checked with, and drops every
//! member that says nothing about the key. Fetches nothing: `x5u` and `jku` are no way in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::signing_key::SigningAlg;

use super::import::is_kid;
use super::jwk::PublicJwk;
use super::spki;

/// The most keys of one client: a few in use and those that take their places.
pub const MAX_KEYS: usize = 16;
/// The largest RSA modulus signatures are checked with, in bytes: 8192 bits, and a zero in front.
const MAX_MODULUS: usize = 1025;
/// The largest RSA exponent, in bytes; 65537 has three.
const MAX_EXPONENT: usize = 4;

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
/// # Errors
/// The first thing that is wrong; a private key before anything else.
pub fn accept(given: &Value) -> Result<Vec<Value>, KeyError> {
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
    let kept = keys.iter().map(accept_one).collect::<Result<Vec<_>, _>>()?;
    let mut kids: Vec<&str> = kept.iter().filter_map(|key| key["kid"].as_str()).collect();
    kids.sort_unstable();
    if kids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(KeyError::SameKid);
    }
    Ok(kept)
}

fn accept_one(key: &Value) -> Result<Value, KeyError> {
    let members = key.as_object().ok_or(KeyError::Form)?;
    if !members.get("kty").is_some_and(Value::is_string) {
        return Err(KeyError::Unreadable);
    }
    let jwk = serde_json::from_value::<PublicJwk>(key.clone());
    let jwk = jwk.map_err(|_| unknown_or_unreadable(members))?;
    check_alg(&jwk, members.get("alg"))?;
    check_numbers(&jwk)?;
    check_purpose(members)?;
    match members.get("kid") {
        None => {}
        Some(Value::String(kid)) if is_kid(kid) => {}
        Some(_) => return Err(KeyError::Kid),
    }
    let known = members.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
    Ok(Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

/// A key of another kind is not damaged, only of no use.
fn unknown_or_unreadable(members: &Map<String, Value>) -> KeyError {
    match members.get("kty").and_then(Value::as_str) {
        Some("RSA" | "EC" | "OKP") => KeyError::Unreadable,
        _ => KeyError::Unfit,
    }
}

/// The key must fit what it says it is for, else anything a signature is checked with.
fn check_alg(jwk: &PublicJwk, said: Option<&Value>) -> Result<(), KeyError> {
    let fits = match said {
        None => SigningAlg::ALL.iter().any(|alg| jwk.fits(*alg)),
        Some(said) => {
            let alg = said.as_str().and_then(|alg| alg.parse::<SigningAlg>().ok());
            alg.is_some_and(|alg| jwk.fits(alg))
        }
    };
    if fits { Ok(()) } else { Err(KeyError::Unfit) }
}

/// Whether a point is on its curve, and RSA numbers can be a key's: with an exponent of 1 anybody
/// makes signatures.
fn check_numbers(jwk: &PublicJwk) -> Result<(), KeyError> {
    if let PublicJwk::Rsa { n, e } = jwk {
        let modulus = URL_SAFE_NO_PAD.decode(n).map_err(|_| KeyError::Unreadable)?;
        let exponent = URL_SAFE_NO_PAD.decode(e).map_err(|_| KeyError::Unreadable)?;
        if modulus.len() > MAX_MODULUS {
            return Err(KeyError::Unfit);
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        let exponent = exponent.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
        let is_exponent = odd(&exponent) && exponent != [1] && exponent.len() <= MAX_EXPONENT;
        if !odd(&modulus) || !is_exponent {
            return Err(KeyError::Unreadable);
        }
    }
    spki::pem(jwk).map(drop).map_err(|_| KeyError::Unreadable)
}

fn check_purpose(members: &Map<String, Value>) -> Result<(), KeyError> {
    let signatures = members.get("use").is_none_or(|purpose| purpose == "sig");
    let verifies = members.get("key_ops").is_none_or(|ops| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|operation| operation == "verify"))
    });
    if signatures && verifies { Ok(()) } else { Err(KeyError::Purpose) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::vectors::{ED25519_X, RFC_7517_N};
    use super::*;

    fn rsa() -> Value {
        json!({"kty": "RSA", "n": RFC_7517_N, "e": "AQAB"})
    }

    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519_X})
    }

    /// RFC 7517, appendix A.1.
    fn p256() -> Value {
        json!({"kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn with(mut key: Value, member: &str, value: Value) -> Value {
        key[member] = value;
        key
    }

    #[test]
    fn sets_lists_and_single_keys_are_kept_without_what_says_nothing() {
        let key = with(with(rsa(), "kid", json!("a")), "use", json!("sig"));
        let more = with(with(key.clone(), "x5u", json!("https://a")), "ext", json!(true));
        for given in [json!({"keys": [more]}), json!([more]), more.clone()] {
            assert_eq!(accept(&given), Ok(vec![key.clone()]));
        }
        for nothing in [json!(null), json!([]), json!({"keys": []})] {
            assert_eq!(accept(&nothing), Ok(Vec::new()));
        }
        let several = json!([rsa(), with(p256(), "key_ops", json!(["verify"])), ed25519(), rsa()]);
        assert_eq!(accept(&several).map(|kept| json!(kept)), Ok(several));
        for alg in ["RS256", "PS256"] {
            assert!(accept(&with(rsa(), "alg", json!(alg))).is_ok(), "{alg}");
        }
    }

    #[test]
    fn a_private_key_is_called_one_whatever_else_is_wrong() {
        for member in PRIVATE {
            let key = json!({"kty": "?", *member: null});
            assert_eq!(accept(&json!([5, key])), Err(KeyError::Private), "{member}");
        }
    }

    #[test]
    fn what_no_signature_can_be_checked_with_is_refused() {
        let many: Vec<Value> = (0..17).map(|_| ed25519()).collect();
        let named = with(ed25519(), "kid", json!("a"));
        let even = URL_SAFE_NO_PAD.encode([0xfe; 256]);
        let large = URL_SAFE_NO_PAD.encode([0xff; 1026]);
        for (given, error) in [
            (json!(5), KeyError::Form),
            (json!({"a": 1}), KeyError::Form),
            (json!({"keys": {}}), KeyError::Form),
            (json!([[1]]), KeyError::Form),
            (json!([{}]), KeyError::Unreadable),
            (json!([{"kty": 5}]), KeyError::Unreadable),
            (json!([{"kty": "RSA", "n": RFC_7517_N}]), KeyError::Unreadable),
            (json!([{"kty": "AKP", "pub": "x"}]), KeyError::Unfit),
            (with(rsa(), "n", json!("AQAB")), KeyError::Unfit),
            (with(rsa(), "n", json!(large)), KeyError::Unfit),
            (with(rsa(), "e", json!("AQ")), KeyError::Unreadable),
            (with(rsa(), "e", json!("AAAB")), KeyError::Unreadable),
            (with(rsa(), "e", json!("AQAA")), KeyError::Unreadable),
            (with(rsa(), "e", json!("AA")), KeyError::Unreadable),
            (with(rsa(), "e", json!("AQAAAAE")), KeyError::Unreadable),
            (with(rsa(), "n", json!(even)), KeyError::Unreadable),
            (with(rsa(), "alg", json!("RS512")), KeyError::Unfit),
            (with(rsa(), "alg", json!("ES256")), KeyError::Unfit),
            (with(rsa(), "alg", json!(null)), KeyError::Unfit),
            (with(p256(), "crv", json!("secp256k1")), KeyError::Unfit),
            (with(p256(), "crv", json!("P-384")), KeyError::Unfit),
            (with(p256(), "y", json!(ED25519_X)), KeyError::Unreadable),
            (with(p256(), "use", json!("enc")), KeyError::Purpose),
            (with(p256(), "key_ops", json!(["encrypt"])), KeyError::Purpose),
            (with(p256(), "key_ops", json!("verify")), KeyError::Purpose),
            (with(p256(), "kid", json!("")), KeyError::Kid),
            (with(p256(), "kid", json!(7)), KeyError::Kid),
            (json!([named, rsa(), named]), KeyError::SameKid),
            (json!(many), KeyError::TooMany),
        ] {
            assert_eq!(accept(&given), Err(error), "{given}");
        }
    }
}
