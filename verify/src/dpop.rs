//! A DPoP proof (RFC 9449 §4.3): whether the sender of a request holds the key that its token is bound to.

use serde_json::Value;

use crate::json::seconds;
use crate::jws::{Jws, MAX_TOKEN};
use crate::key::{PublicKey, sha256_base64url, thumbprint};
use crate::refused::Code;
use crate::replay::Replay;
use crate::uri::is_same;
use crate::verifier::Proof;

/// The maximum age of a proof, and how far in the future it may be, in seconds.
const WINDOW: i64 = 60;

/// Checks the proof of a request with `token`, which is bound to the key with the thumbprint `jkt`.
pub(crate) fn check(
    proof: &Proof<'_>,
    (token, jkt): (&str, &str),
    replay: &Replay,
    now: i64,
) -> Result<(), Code> {
    let text = match proof.headers {
        [] => return Err(Code::BadProof),
        [one] => str::from_utf8(one).map_err(|_| Code::BadProof)?,
        _ => return Err(Code::SeveralHeaders),
    };
    let (jti, iat) = verified(text, proof, token, jkt).ok_or(Code::BadProof)?;
    if now.abs_diff(iat) > WINDOW.unsigned_abs() {
        return Err(Code::BadProof);
    }
    replay.use_up(sha256_base64url(format!("{jkt} {jti}").as_bytes()), iat + WINDOW + 1, now)
}

/// The id and the time of a proof with that key, for that request and token.
fn verified(text: &str, proof: &Proof<'_>, token: &str, jkt: &str) -> Option<(String, i64)> {
    if text.len() > MAX_TOKEN {
        return None;
    }
    let jws = Jws::read(text, &["alg", "jwk", "typ"]).ok()?;
    if !jws.is_of_type("dpop+jwt") {
        return None;
    }
    let jwk = jws.header.get("jwk")?.as_object()?;
    // A private key that was sent in a header proves nothing.
    let is_private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if is_private.iter().any(|name| jwk.contains_key(*name)) || thumbprint(jwk)? != jkt {
        return None;
    }
    let key = PublicKey::of_jwk(jwk, jws.alg()?)?;
    let claims = jws.verify(&key).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_for_request = text("htm") == Some(proof.method)
        && is_same(text("htu")?, proof.uri)
        && text("ath")? == sha256_base64url(token.as_bytes());
    let jti = text("jti").filter(|jti| !jti.is_empty())?;
    is_for_request.then(|| Some((jti.to_owned(), claims.get("iat").and_then(seconds)?)))?
}
