//! The header and the claims of the tokens Signet issues.
//!
//! Owns the members of tokens and their names. Which attributes of a user an API gets is in `token_rules`; the
//! attributes themselves are in `attributes`.

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
    /// The JWS algorithm (RFC 7518 §3.1).
    pub alg: &'a str,
    /// The key ID.
    pub kid: &'a str,
    /// The token type.
    pub typ: TokenType,
}

/// The subject, the client and the rights of an access token.
#[derive(Debug, Clone)]
pub struct AccessTokenGrant<'a> {
    /// The user, or the client if there is none (RFC 9068 §2.2).
    pub sub: String,
    /// The client to which the token is issued.
    pub client_id: &'a str,
    /// The API it is for; `None` means the issuer itself.
    pub audience: Option<&'a str>,
    /// Its scopes, before those that the audience no longer offers are removed.
    pub scopes: Scopes,
    /// The session it belongs to, if there is one.
    pub session: Option<SessionClaims>,
    /// The API key it is issued for, if any.
    pub api_key: Option<ApiKeyId>,
    /// Its lifetime if the audience sets none; `None` means the server's default.
    pub life: Option<TimeSpan>,
    /// The latest expiry.
    pub not_after: Timestamp,
    /// The actor (RFC 8693 §4.1).
    pub act: Option<Value>,
    /// The thumbprint of the key it is bound to (RFC 9449 §6).
    pub jkt: Option<String>,
    /// The id of the token it was exchanged for, and with which it is revoked.
    pub parent: Option<String>,
}

/// The session behind a token.
#[derive(Debug, Clone, Copy)]
pub struct SessionClaims {
    /// The session id, the claim `sid`.
    pub sid: SessionId,
    /// When its user authenticated.
    pub auth_time: Timestamp,
    /// The assurance level.
    pub acr: AssuranceLevel,
    /// The authentication methods.
    pub amr: Amr,
}

impl SessionClaims {
    /// The claims of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let factors = session.factors();
        let (acr, amr) = (factors.acr(), factors.amr());
        Self { sid: session.id, auth_time: session.auth_time, acr, amr }
    }

    /// The assurance level of a token with these claims. Raising a session does not raise earlier tokens, but a
    /// factor that the session has lost lowers them.
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

    /// Whether this is the current level of `session`. Claims have whole seconds.
    #[must_use]
    pub fn is_worth(&self, session: &Session) -> bool {
        let now = Self::of(session);
        let is_as_fresh = self.auth_time.secs() == now.auth_time.secs();
        (self.sid, self.acr, self.amr) == (now.sid, now.acr, now.amr) && is_as_fresh
    }

    /// The factors that a token with these claims stands for. If the token is below the level of `session`, only
    /// the time of its oldest factor is known, and all factors get that time.
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
    /// The access token grant of a session.
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

/// The times and the issuer of an access token.
#[derive(Debug, Clone, Copy)]
pub struct IssueContext<'a> {
    /// The issuer URL of this server.
    pub issuer: &'a str,
    /// A random `jti`.
    pub jti: &'a str,
    /// When it is issued.
    pub now: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize)]
pub struct AccessClaims<'a> {
    /// The issuer URL of this server.
    pub iss: &'a str,
    /// The user, or the client itself.
    pub sub: String,
    /// The API, or the issuer itself; always exactly one.
    pub aud: &'a str,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// When it was issued, in seconds since the epoch.
    pub iat: i64,
    /// A random id of this token.
    pub jti: &'a str,
    /// The client it was issued to.
    pub client_id: &'a str,
    /// The same under the name that some verifiers expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<&'a str>,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// The session it belongs to, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The API key it was issued for, if any; then no user was present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    /// When the user authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The assurance level (RFC 9470 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<AssuranceLevel>,
    /// The authentication methods (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Amr>,
    /// The actor (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
    /// The key it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// The claims about the user that the API requests; none has the name of a field above.
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
    /// The issuer URL of this server.
    pub iss: &'a str,
    /// The id of the user.
    pub sub: String,
    /// The client alone.
    pub aud: &'a str,
    /// Seconds since the epoch at which it expires.
    pub exp: i64,
    /// When it was issued, in seconds since the epoch.
    pub iat: i64,
    /// When the user authenticated.
    pub auth_time: i64,
    /// The assurance level.
    pub acr: AssuranceLevel,
    /// The authentication methods (RFC 8176).
    pub amr: Amr,
    /// The id of the session, as in access and logout tokens.
    pub sid: String,
    /// The `nonce` of the request; absent after a refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// The left half of the access token's hash (OpenID Connect Core §3.1.3.6).
    pub at_hash: String,
    /// Individually requested claims.
    #[serde(flatten)]
    pub asked: Map<String, Value>,
}

/// The claims that ID tokens may have besides those of scopes, as in the fields of [`IdClaims`].
pub const ID_TOKEN_CLAIMS: &[&str] =
    &["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "nonce", "at_hash"];

/// The claims of a logout token (OpenID Connect Back-Channel Logout §2.4).
#[derive(Debug, Serialize)]
pub struct LogoutClaims<'a> {
    /// The issuer URL of this server.
    pub iss: &'a str,
    /// The id of the user.
    pub sub: String,
    /// The `client_id` of the notified client.
    pub aud: &'a str,
    /// When it was issued, in seconds since the epoch.
    pub iat: i64,
    /// Seconds since the epoch at which it expires.
    pub exp: i64,
    /// The notice's id, which stays the same when it is sent again.
    pub jti: String,
    /// The session that has ended.
    pub sid: String,
    /// The `events` member, which marks a logout token.
    pub events: Value,
}

/// The claims about the user that `rules` request. Missing ones are left out.
#[must_use]
pub fn asked_by(rules: &TokenRules, subject: &Subject) -> Map<String, Value> {
    let value = |name: &str| match user_claim(name) {
        Some(claim) => (claim.value)(subject),
        // The name became reserved after the rule was stored: the token's own claim takes precedence, because a
        // token must not contain a claim twice (RFC 7519 §4).
        None if is_reserved_claim(name) => None,
        None => subject.attributes.claims.get(name).cloned(),
    };
    rules.claims.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
}

/// The claims that Signet's own endpoints read from a verified access token.
#[derive(Debug, Clone, Deserialize)]
pub struct VerifiedClaims {
    /// The user, or the client itself.
    pub sub: String,
    /// The session, if there is one.
    #[serde(default)]
    pub sid: Option<String>,
    /// The API key it was issued for, if any.
    #[serde(default)]
    pub api_key_id: Option<String>,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// Seconds since the epoch at which the token expires.
    pub exp: i64,
    /// When it was issued, in seconds since the epoch.
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
    /// The assurance level; `None` in a token of an older version.
    #[serde(default)]
    pub acr: Option<AssuranceLevel>,
    /// The authentication methods.
    #[serde(default)]
    pub amr: Option<Amr>,
    /// The acting party of an exchanged token (RFC 8693 §4.1).
    #[serde(default)]
    pub act: Option<Value>,
    /// The key it is bound to.
    #[serde(default)]
    pub cnf: Option<Confirmation>,
}

impl VerifiedClaims {
    /// Whether these are claims of an access token of Signet, with a client and an id.
    #[must_use]
    pub fn is_access(&self) -> bool {
        !self.jti.is_empty() && !self.client_id.is_empty()
    }
}

/// The claims that are read from an `id_token_hint`.
#[derive(Debug, Clone, Deserialize)]
pub struct HintClaims {
    /// The id of the user.
    pub sub: String,
    /// The id of the session.
    pub sid: String,
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
