//! The requirements on every token of a trusted issuer.
//!
//! Owns the checks of audience and times. The audience must be this server alone, as a string or as an array of one: a
//! token with a second audience could have been taken from that one and presented here.

use serde_json::{Map, Value};

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

/// The accepted clock skew of an issuer.
pub const LEEWAY: TimeSpan = TimeSpan::from_secs(30);
/// The longest `jti`, in bytes.
const MAX_ID: usize = 512;

text_enum! {
    /// Why a token of a trusted issuer is refused. For operators only: clients get one error for all of these.
    pub enum TokenFlaw {
        /// Not a signed token, too long, or of an algorithm that this server does not verify.
        Malformed = "malformed",
        /// `typ` is that of another kind of token.
        Type = "type",
        /// No trusted issuer has the identifier in `iss`.
        UnknownIssuer = "unknown_issuer",
        /// The algorithm is not allowed for the issuer.
        Algorithm = "algorithm",
        /// The keys of the issuer cannot be fetched.
        NoKeys = "no_keys",
        /// No key of the issuer verifies the signature.
        Signature = "signature",
        /// `aud` is not exactly this server.
        Audience = "audience",
        /// `iat` or `exp` is missing or invalid.
        Times = "times",
        /// The token has expired.
        Expired = "expired",
        /// The token is not yet valid.
        NotYet = "not_yet",
        /// Its lifetime exceeds the maximum of the issuer.
        TooLong = "too_long",
        /// `jti` is missing or too long.
        NoId = "no_id",
        /// The token was presented before.
        Replayed = "replayed",
    }
}

/// Checks audience and times, and returns the expiry.
///
/// # Errors
/// The first violated requirement.
pub fn check_claims(
    claims: &Map<String, Value>,
    issuer: &str,
    max_life: TimeSpan,
    now: Timestamp,
) -> Result<Timestamp, TokenFlaw> {
    let audience = match claims.get("aud") {
        Some(Value::String(only)) => Some(only),
        Some(Value::Array(list)) => match list.as_slice() {
            [Value::String(only)] => Some(only),
            _ => None,
        },
        _ => None,
    };
    if audience.is_none_or(|audience| audience != issuer) {
        return Err(TokenFlaw::Audience);
    }
    let (issued, expires) = (time(claims, "iat")?, time(claims, "exp")?);
    let (issued, expires) = (issued.ok_or(TokenFlaw::Times)?, expires.ok_or(TokenFlaw::Times)?);
    if expires + LEEWAY <= now {
        return Err(TokenFlaw::Expired);
    }
    let begins = time(claims, "nbf")?.map_or(issued, |begins| begins.max(issued));
    if begins > now + LEEWAY {
        return Err(TokenFlaw::NotYet);
    }
    if expires <= issued || expires - issued > max_life {
        return Err(TokenFlaw::TooLong);
    }
    Ok(expires)
}

/// The `jti` of a single-use token.
///
/// # Errors
/// If it is missing or too long.
pub fn id_of(claims: &Map<String, Value>) -> Result<&str, TokenFlaw> {
    let id = claims.get("jti").and_then(Value::as_str);
    id.filter(|id| (1..=MAX_ID).contains(&id.len())).ok_or(TokenFlaw::NoId)
}

/// A NumericDate before the year 10000. Fractions are truncated.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, TokenFlaw> {
    const END: f64 = 253_402_300_800.0;
    let Some(value) = claims.get(name) else { return Ok(None) };
    let number = value.as_f64().filter(|number| (0.0..END).contains(number));
    let number = number.ok_or(TokenFlaw::Times)?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = number.trunc() as i64;
    Ok(Some(Timestamp::from_secs(whole)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com";

    fn check(change: Value) -> Result<Timestamp, TokenFlaw> {
        let mut claims = json!({ "aud": ISSUER, "iat": 1_000, "exp": 1_600 });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let (hour, now) = (TimeSpan::from_mins(60), Timestamp::from_secs(1_100));
        check_claims(claims.as_object().unwrap(), ISSUER, hour, now)
    }

    #[test]
    fn a_token_is_for_this_server_alone() {
        let end = Ok(Timestamp::from_secs(1_600));
        assert_eq!(check(json!({})), end);
        assert_eq!(check(json!({ "aud": [ISSUER] })), end);
        for aud in [
            json!(null),
            json!([]),
            json!([ISSUER, "https://other.example.com"]),
            json!([ISSUER, ISSUER]),
            json!("https://id.example.com/"),
            json!("https://id.example.com.evil.example"),
            json!("https://ID.example.com"),
            json!("id.example.com"),
            json!({ "x": ISSUER }),
            json!(5),
        ] {
            assert_eq!(check(json!({ "aud": aud.clone() })), Err(TokenFlaw::Audience), "{aud}");
        }
    }

    #[test]
    fn a_token_lives_now_and_not_for_long() {
        for (change, flaw) in [
            (json!({ "iat": null }), TokenFlaw::Times),
            (json!({ "exp": null }), TokenFlaw::Times),
            (json!({ "exp": "1600" }), TokenFlaw::Times),
            (json!({ "iat": -1 }), TokenFlaw::Times),
            (json!({ "nbf": "x" }), TokenFlaw::Times),
            (json!({ "exp": 1_070 }), TokenFlaw::Expired),
            (json!({ "iat": 1_131 }), TokenFlaw::NotYet),
            (json!({ "nbf": 1_131 }), TokenFlaw::NotYet),
            (json!({ "exp": 4_601 }), TokenFlaw::TooLong),
            (json!({ "iat": 1_110, "exp": 1_105 }), TokenFlaw::TooLong),
        ] {
            assert_eq!(check(change.clone()), Err(flaw), "{change}");
        }
        for good in [json!({ "exp": 4_600 }), json!({ "iat": 1_130 }), json!({ "exp": 1_071 })] {
            assert!(check(good.clone()).is_ok(), "{good}");
        }
    }
}
