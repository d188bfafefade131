//! Whether signatures can be verified with the public key of a client.
//!
//! Owns the checks that need the crypto library; the other rules are in `domain::client_jwks`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::domain::client_jwks::{CheckedKey, KeyError};
use crate::domain::signing_key::SigningAlg;

use super::external_jwt::signing_alg;
use super::jwk::PublicJwk;
use super::{roca, spki};

/// The largest accepted RSA modulus, in bytes: 8192 bits and a leading zero.
const MAX_MODULUS: usize = 1025;
/// The largest RSA exponent, in bytes; 65537 has three.
const MAX_EXPONENT: usize = 4;

/// Checks one JWK with a `kty`: its members, its algorithm and its numbers.
///
/// # Errors
/// Unreadable, unsuitable or weak, whichever is found first.
pub fn check_key(key: &Value) -> Result<CheckedKey, KeyError> {
    let jwk = serde_json::from_value::<PublicJwk>(key.clone());
    let jwk = jwk.map_err(|_| unknown_or_unreadable(key))?;
    let alg = check_alg(&jwk, key.get("alg"))?;
    Ok(CheckedKey { alg, identity: check_numbers(&jwk)? })
}

/// Whether the private half of a stored key can be computed from it. New ones are refused.
#[must_use]
pub fn is_weak(key: &Value) -> bool {
    let modulus = key.get("n").and_then(Value::as_str).map(|n| URL_SAFE_NO_PAD.decode(n));
    matches!(modulus, Some(Ok(modulus)) if roca::is_weak(&modulus))
}

/// A key of another kind is not damaged, only unusable.
fn unknown_or_unreadable(key: &Value) -> KeyError {
    match key.get("kty").and_then(Value::as_str) {
        Some("RSA" | "EC" | "OKP") => KeyError::Unreadable,
        _ => KeyError::Unfit,
    }
}

/// The algorithm that the key names, if it fits; otherwise the first that fits, which is RS256 for RSA.
fn check_alg(jwk: &PublicJwk, named: Option<&Value>) -> Result<SigningAlg, KeyError> {
    let alg = match named {
        None => SigningAlg::ALL.iter().copied().find(|alg| jwk.fits(*alg)),
        Some(named) => named.as_str().and_then(signing_alg).filter(|alg| jwk.fits(*alg)),
    };
    alg.ok_or(KeyError::Unfit)
}

/// Checks that a point is on its curve, and that RSA numbers are plausible: with an exponent of 1 signatures
/// could be forged. Returns the identity of the key.
fn check_numbers(jwk: &PublicJwk) -> Result<String, KeyError> {
    let mut identity = jwk.thumbprint();
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
        if roca::is_weak(&modulus) {
            return Err(KeyError::Weak);
        }
        // The exponent is not part of the identity: an attacker who can factor the modulus has the private
        // keys of all exponents.
        identity.clone_from(n);
    }
    spki::pem(jwk).map(|_| identity).map_err(|_| KeyError::Unreadable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::test_vectors::{ED25519_X, RFC_7517_N, ROCA_N};
    use crate::domain::client_jwks;

    fn accept(given: &Value) -> Result<Vec<Value>, KeyError> {
        client_jwks::accept(given, check_key)
    }

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
        let key = with(key, "alg", json!("RS256"));
        let more = with(with(key.clone(), "x5u", json!("https://a")), "ext", json!(true));
        for given in [json!({"keys": [more]}), json!([more]), more.clone()] {
            assert_eq!(accept(&given), Ok(vec![key.clone()]));
        }
        for nothing in [json!(null), json!([]), json!({"keys": []})] {
            assert_eq!(accept(&nothing), Ok(Vec::new()));
        }
        let several = json!([rsa(), with(p256(), "key_ops", json!(["verify"])), ed25519(), rsa()]);
        let kept = accept(&several).unwrap();
        let algs: Vec<&str> = kept.iter().map(|key| key["alg"].as_str().unwrap()).collect();
        assert_eq!(algs, ["RS256", "ES256", "EdDSA", "RS256"], "each is for one algorithm");
        for (key, alg) in
            [(rsa(), "RS256"), (rsa(), "PS256"), (ed25519(), "EdDSA"), (ed25519(), "Ed25519")]
        {
            let key = with(key, "alg", json!(alg));
            assert_eq!(accept(&key), Ok(vec![key.clone()]), "{alg}");
        }
    }

    #[test]
    fn one_key_is_registered_for_one_algorithm() {
        let named = |key: Value, kid: &str, alg: &str| {
            with(with(key, "kid", json!(kid)), "alg", json!(alg))
        };
        // Another exponent does not make another key.
        for other in [rsa(), with(rsa(), "e", json!("AQAD"))] {
            let two = json!([named(rsa(), "a", "RS256"), named(other, "b", "PS256")]);
            assert_eq!(accept(&two), Err(KeyError::TwoAlgorithms), "{two}");
        }
        assert!(accept(&json!([named(rsa(), "a", "PS256"), named(rsa(), "b", "PS256")])).is_ok());
        // Both names are of the same algorithm.
        let names = [named(ed25519(), "a", "EdDSA"), named(ed25519(), "b", "Ed25519")];
        assert!(accept(&json!(names)).is_ok());
    }

    #[test]
    fn a_private_key_is_called_one_whatever_else_is_wrong() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let key = json!({"kty": "?", member: null});
            assert_eq!(accept(&json!([5, key])), Err(KeyError::Private), "{member}");
        }
    }

    #[test]
    fn unusable_public_keys_are_refused() {
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
            (with(rsa(), "n", json!(ROCA_N)), KeyError::Weak),
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
