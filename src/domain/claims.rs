//! The header and the claims of the tokens Signet issues.
//!
//! Owns which members a token has and how they are spelt. Does not sign; which of a user's
//! attributes an API gets to see is said by `token_rules`, what they are by `attributes`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::id::{ApiKeyId, SessionId};
use crate::base::{TimeSpan, Timestamp};

use super::api::Target;
use super::attributes::{Subject, is_reserved_claim};
use super::authn::{Amr, AssuranceLevel, Factors};
use super::grant;
use super::scope::Scopes;
use super::session::Session;
use super::token_rules::{TokenProfile, TokenRules};
use super::user_claims::user_claim;

pub use super::token_rules::TokenType;

/// The header of a token: exactly these three members.
#[derive(Debug, Serialize)]
pub struct Header<'a> {
    /// The algorithm.
    pub alg: &'a str,
    /// The key's name.
    pub kid: &'a str,
    /// The token's kind.
    pub typ: TokenType,
}

/// For whom an access token speaks, and to whom it is given.
#[derive(Debug, Clone)]
pub struct AccessTokenGrant<'a> {
    /// The user; the client itself where there is none (RFC 9068 §2.2).
    pub sub: String,
    /// The client.
    pub client_id: &'a str,
    /// The API it is for; none means the issuer itself.
    pub audience: Option<&'a str>,
    /// What it may be used for, before what the audience no longer offers is left out.
    pub scopes: Scopes,
    /// The session that vouches for it, if there is one.
    pub session: Option<SessionClaims>,
    /// The API key that vouches for it, if one does.
    pub api_key: Option<ApiKeyId>,
    /// How long it lives where the audience does not say; none means the server's default.
    pub life: Option<TimeSpan>,
    /// When it expires in any case.
    pub not_after: Timestamp,
    /// Who acts in the subject's name (RFC 8693 §4.1).
    pub act: Option<Value>,
    /// The key whose holder alone may use it (RFC 9449 §6).
    pub jkt: Option<String>,
    /// The id of the token it was exchanged for, with which it is revoked.
    pub parent: Option<String>,
}

/// The session behind a token.
#[derive(Debug, Clone, Copy)]
pub struct SessionClaims {
    /// The session.
    pub sid: SessionId,
    /// When its user authenticated.
    pub auth_time: Timestamp,
    /// How well.
    pub acr: AssuranceLevel,
    /// How.
    pub amr: Amr,
}

impl SessionClaims {
    /// What a session says.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let factors = session.factors();
        let (acr, amr) = (factors.acr(), factors.amr());
        Self { sid: session.id, auth_time: session.auth_time, acr, amr }
    }

    /// What a token of the session that says `claims` is worth. A session that was raised since does not
    /// raise the tokens from before, and one that has lost a factor lowers them.
    #[must_use]
    pub fn of_token(session: &Session, claims: &VerifiedClaims) -> Self {
        let now = Self::of(session);
        let auth_time = claims.auth_time.map_or(now.auth_time, Timestamp::from_secs);
        let lower = Self { auth_time: auth_time.min(now.auth_time), ..now };
        match (claims.acr, claims.amr) {
            (Some(acr), Some(amr)) if acr <= now.acr => Self { acr, amr, ..lower },
            _ => lower,
        }
    }

    /// Whether this is worth what `session` is worth now. Claims have whole seconds.
    #[must_use]
    pub fn is_worth(&self, session: &Session) -> bool {
        let now = Self::of(session);
        let is_as_fresh = self.auth_time.secs() == now.auth_time.secs();
        (self.sid, self.acr, self.amr) == (now.sid, now.acr, now.amr) && is_as_fresh
    }

    /// The factors that a token with these claims stands for. One that is worth less than `session` says only when
    /// the oldest of them was completed, and no more is believed of the others.
    #[must_use]
    pub fn factors(&self, session: &Session) -> Factors {
        if self.is_worth(session) {
            session.factors()
        } else {
            Factors::claimed(self.amr, self.auth_time)
        }
    }
}

impl<'a> AccessTokenGrant<'a> {
    /// What a session is entitled to.
    #[must_use]
    pub fn of(session: &'a Session) -> Self {
        Self {
            sub: session.user_id.to_string(),
            client_id: &session.client_id,
            audience: session.audience.as_deref(),
            scopes: session.scopes.clone(),
            session: Some(SessionClaims::of(session)),
            api_key: None,
            life: None,
            not_after: session.expires_at,
            act: None,
            jkt: None,
            parent: None,
        }
    }
}

/// When and by whom an access token is made.
#[derive(Debug, Clone, Copy)]
pub struct IssueContext<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// A random id.
    pub jti: &'a str,
    /// When it is made.
    pub now: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize)]
pub struct AccessClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user, or the client itself.
    pub sub: String,
    /// The API, or the issuer itself; always exactly one.
    pub aud: &'a str,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// A random id of this token.
    pub jti: &'a str,
    /// The client it was issued to.
    pub client_id: &'a str,
    /// The same once more, where verifiers look for it under this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<&'a str>,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// The session it belongs to, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The API key it was given for, if it was: no user was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    /// When the user authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How well (RFC 9470 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<AssuranceLevel>,
    /// How (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Amr>,
    /// Who acts in the subject's name (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
    /// The key whose holder alone may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// What the API asks about the user; none of these names is one of the above.
    #[serde(flatten)]
    pub asked: Map<String, Value>,
}

/// The key a token is bound to (RFC 7800 §3, RFC 9449 §6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its SHA-256 thumbprint (RFC 7638).
    pub jkt: String,
}

impl<'a> AccessClaims<'a> {
    /// The claims of a token for `target`, with `asked` from [`asked_by`].
    #[must_use]
    pub fn new(
        on: &IssueContext<'a>,
        entitled: &AccessTokenGrant<'a>,
        target: &Target,
        asked: Map<String, Value>,
    ) -> Self {
        let azp = match target.rules().profile {
            TokenProfile::Rfc9068 => None,
            TokenProfile::Jwt => Some(entitled.client_id),
        };
        Self {
            iss: on.issuer,
            sub: entitled.sub.clone(),
            aud: entitled.audience.unwrap_or(on.issuer),
            exp: on.expires.secs(),
            iat: on.now.secs(),
            jti: on.jti,
            client_id: entitled.client_id,
            azp,
            scope: grant::remaining(target, &entitled.scopes).to_string(),
            sid: entitled.session.map(|session| session.sid.to_string()),
            api_key_id: entitled.api_key.map(|key| key.to_string()),
            auth_time: entitled.session.map(|session| session.auth_time.secs()),
            acr: entitled.session.map(|session| session.acr),
            amr: entitled.session.map(|session| session.amr),
            act: entitled.act.clone(),
            cnf: entitled.jkt.clone().map(|jkt| Confirmation { jkt }),
            asked,
        }
    }
}

/// The claims of an ID token (OpenID Connect Core §2).
#[derive(Debug, Serialize)]
pub struct IdClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user.
    pub sub: String,
    /// The client alone.
    pub aud: &'a str,
    /// Seconds since the epoch at which it expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// When the user authenticated.
    pub auth_time: i64,
    /// How well.
    pub acr: AssuranceLevel,
    /// How (RFC 8176).
    pub amr: Amr,
    /// The session.
    pub sid: String,
    /// What the client sent with its request; not in an ID token that a refresh gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// The left half of the access token's hash (OpenID Connect Core §3.1.3.6).
    pub at_hash: String,
    /// Single claims the client asked for.
    #[serde(flatten)]
    pub asked: Map<String, Value>,
}

/// The claims that ID tokens may have beside those of scopes, by the fields of [`IdClaims`].
pub const ID_TOKEN_CLAIMS: &[&str] =
    &["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "nonce", "at_hash"];

/// The claims of a logout token (OpenID Connect Back-Channel Logout §2.4).
#[derive(Debug, Serialize)]
pub struct LogoutClaims<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The user.
    pub sub: String,
    /// The client.
    pub aud: &'a str,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// Seconds since the epoch at which it expires.
    pub exp: i64,
    /// The notice's id: the same however often it is sent.
    pub jti: String,
    /// The session that has ended.
    pub sid: String,
    /// What kind of event it is.
    pub events: Value,
}

/// The claims about the user that `rules` ask for. A claim the user does not have is left out.
#[must_use]
pub fn asked_by(rules: &TokenRules, subject: &Subject) -> Map<String, Value> {
    let value = |name: &str| match user_claim(name) {
        Some(claim) => (claim.value)(subject),
        // A name that was reserved after it was given away: the token's own claim counts, and a token
        // must not have a claim twice (RFC 7519 §4).
        None if is_reserved_claim(name) => None,
        None => subject.attributes.claims.get(name).cloned(),
    };
    rules.claims.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
}

/// What our own endpoints read from an access token after its signature was verified.
#[derive(Debug, Clone, Deserialize)]
pub struct VerifiedClaims {
    /// The user, or the client itself.
    pub sub: String,
    /// The session, if there is one.
    #[serde(default)]
    pub sid: Option<String>,
    /// The API key it was given for, if it was.
    #[serde(default)]
    pub api_key_id: Option<String>,
    /// The scopes.
    pub scope: String,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// Seconds since the epoch at which it was made.
    pub iat: i64,
    /// The client it was issued to.
    #[serde(default)]
    pub client_id: String,
    /// Its random id.
    #[serde(default)]
    pub jti: String,
    /// The API it is for, or the issuer itself.
    #[serde(default)]
    pub aud: String,
    /// Seconds since the epoch at which the user authenticated.
    #[serde(default)]
    pub auth_time: Option<i64>,
    /// How well; none in a token of an older version.
    #[serde(default)]
    pub acr: Option<AssuranceLevel>,
    /// How.
    #[serde(default)]
    pub amr: Option<Amr>,
    /// Who acts in the subject's name.
    #[serde(default)]
    pub act: Option<Value>,
    /// The key it is bound to.
    #[serde(default)]
    pub cnf: Option<Confirmation>,
}

impl VerifiedClaims {
    /// Whether it is an access token as we make them: it names its client and has an id.
    #[must_use]
    pub fn is_access(&self) -> bool {
        !self.jti.is_empty() && !self.client_id.is_empty()
    }
}

/// What is read from an ID token that comes back to us as a hint.
#[derive(Debug, Clone, Deserialize)]
pub struct HintClaims {
    /// The user.
    pub sub: String,
    /// The session.
    pub sid: String,
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
