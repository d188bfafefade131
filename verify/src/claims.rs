//! The claims of an access token (RFC 9068 §2.2), and the rules that only need them and the time.

use serde_json::{Map, Value};

use crate::json::seconds;
use crate::refused::Code;

/// How far clocks may differ when a token expires or begins, in seconds.
pub(crate) const LEEWAY: i64 = 5;
/// How far in the future `iat` may be. It is not a security check, so a clock that is slow by some seconds does not
/// make the verifier refuse new tokens.
pub(crate) const AHEAD: i64 = 60;

/// The claims of a verified token.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// The user, or the client that acts for itself.
    pub sub: String,
    /// The client that the token was issued to.
    pub client_id: String,
    /// The granted scopes, separated by spaces; empty if there are none.
    pub scope: String,
    /// The id of the token.
    pub jti: String,
    /// The session, if there is one.
    pub sid: Option<String>,
    /// The audiences.
    pub aud: Vec<String>,
    /// When it was issued.
    pub iat: i64,
    /// When it expires.
    pub exp: i64,
    /// The thumbprint of the key that it is bound to (RFC 9449 §6.1).
    pub jkt: Option<String>,
    /// Every claim.
    pub all: Map<String, Value>,
}

impl Claims {
    /// Whether the token was granted a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }

    /// Checks the claims of a token whose signature was verified.
    pub(crate) fn check(
        all: Map<String, Value>,
        (issuer, audience): (&str, &str),
        now: i64,
    ) -> Result<Self, Code> {
        let text = |name: &str| match all.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(Code::IncompleteClaims),
        };
        let optional = |name: &str| all.contains_key(name).then(|| text(name)).transpose();
        let time = |name: &str| {
            all.get(name).map(|value| seconds(value).ok_or(Code::IncompleteClaims)).transpose()
        };
        if text("iss")? != issuer {
            return Err(Code::WrongIssuer);
        }
        let aud = audiences(all.get("aud"))?;
        if !aud.iter().any(|one| one == audience) {
            return Err(Code::WrongAudience);
        }
        let exp = time("exp")?.ok_or(Code::IncompleteClaims)?;
        let iat = time("iat")?.ok_or(Code::IncompleteClaims)?;
        if exp <= now - LEEWAY {
            return Err(Code::Expired);
        }
        if iat > now + AHEAD || time("nbf")?.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err(Code::IssuedInFuture);
        }
        Ok(Self {
            sub: text("sub")?,
            client_id: text("client_id")?,
            scope: optional("scope")?.unwrap_or_default(),
            jti: text("jti")?,
            sid: optional("sid")?,
            jkt: bound_to(all.get("cnf"))?,
            aud,
            iat,
            exp,
            all,
        })
    }
}

fn audiences(value: Option<&Value>) -> Result<Vec<String>, Code> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Code::IncompleteClaims);
    match value {
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
        None => Err(Code::IncompleteClaims),
    }
}

/// The thumbprint in `cnf`. A confirmation of another kind cannot be checked, and such a token must not be accepted
/// as a Bearer token (RFC 7800 §3.1).
fn bound_to(cnf: Option<&Value>) -> Result<Option<String>, Code> {
    let Some(cnf) = cnf else { return Ok(None) };
    match cnf.as_object().map(|members| (members.len(), members.get("jkt"))) {
        Some((1, Some(Value::String(jkt)))) => Ok(Some(jkt.clone())),
        _ => Err(Code::ProofRequired),
    }
}
