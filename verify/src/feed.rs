//! A verified revocation feed. It has its own JWT type, so a feed is never accepted as an access token, and no access
//! token as a feed.

use serde_json::{Map, Value};

use crate::claims::AHEAD;
use crate::json::seconds;
use crate::jws::Jws;
use crate::refused::Code;
use crate::revoked::{Cut, RevokedSet};

/// The type of a feed.
const TYPE: &str = "revocations+jwt";
/// The largest feed that is read, in bytes after inflating.
pub(crate) const MAX_FEED: usize = 16 * 1024 * 1024;

/// A verified feed.
pub(crate) struct Feed {
    pub iat: i64,
    pub exp: i64,
    /// The time to the next fetch, in seconds.
    pub poll: i64,
    /// The time since which revocations are listed, if not all are.
    pub since: Option<i64>,
    pub revoked: RevokedSet,
}

/// The key that a feed names, before its signature is verified.
pub(crate) fn unverified(text: &str) -> Result<Jws<'_>, Code> {
    let jws = Jws::read(text, &["alg", "kid", "typ"])?;
    if !jws.is_of_type(TYPE) {
        return Err(Code::WrongType);
    }
    Ok(jws)
}

impl Feed {
    /// Reads the claims of a feed whose signature was verified. An old feed is accepted, because its entries stay true.
    pub fn read(claims: &Map<String, Value>, issuer: &str, now: i64) -> Result<Self, Code> {
        let time = |name: &str| claims.get(name).and_then(seconds).ok_or(Code::IncompleteClaims);
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(Code::WrongIssuer);
        }
        let (iat, exp, poll) = (time("iat")?, time("exp")?, time("poll")?);
        if iat > now + AHEAD {
            return Err(Code::IssuedInFuture);
        }
        let since = claims.contains_key("since").then(|| time("since")).transpose()?;
        Ok(Self { iat, exp, poll, since, revoked: revoked(claims)? })
    }
}

fn revoked(claims: &Map<String, Value>) -> Result<RevokedSet, Code> {
    let mut set = RevokedSet::default();
    for (id, until) in ids(claims, "sid")? {
        set.add_session(id.clone(), seconds(until).ok_or(Code::IncompleteClaims)?);
    }
    for (id, until) in ids(claims, "jti")? {
        set.add_token(id.clone(), seconds(until).ok_or(Code::IncompleteClaims)?);
    }
    let list =
        |name: &str| claims.get(name).and_then(Value::as_array).ok_or(Code::IncompleteClaims);
    for entry in list("cut")? {
        let time = |name: &str| entry.get(name).and_then(seconds).ok_or(Code::IncompleteClaims);
        // An unknown member would restrict the cut. Ignoring it refuses more tokens, which is the safe side.
        let text = |name: &str| match entry.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Code::IncompleteClaims),
        };
        let (client_id, aud, sub) = (text("client_id")?, text("aud")?, text("sub")?);
        set.add_cut(Cut { client_id, aud, sub, iat: time("iat")? }, time("until")?);
    }
    for kid in list("kid")? {
        set.add_key(kid.as_str().ok_or(Code::IncompleteClaims)?.to_owned());
    }
    Ok(set)
}

fn ids<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, Code> {
    claims.get(name).and_then(Value::as_object).ok_or(Code::IncompleteClaims)
}
