//! Authorization requests and the authorizations by users that follow from them.
//!
//! Owns the data that is kept between the steps. Storage enforces expiry and single use.

use serde::{Deserialize, Serialize};

use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::base::{TimeSpan, Timestamp};

use super::authn::{Authentication, Factors};
use super::grant::AvailableScopes;
use super::interaction::{AuthnRequest, ResponseMode};
use super::oidc::RequestedClaims;
use super::scope::{RequestedScopes, Scopes};
use super::session::{Chain, Lifetimes, Session};
use super::user::User;

/// A validated authorization request, which needs only the user's consent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The `client_id` of the client that sent it.
    pub client_id: String,
    /// The registered redirect URI; empty if the endpoint responds directly and the client sent none.
    pub redirect_uri: String,
    /// The response mode.
    pub mode: ResponseMode,
    /// The value that is returned to the client unchanged.
    pub state: Option<String>,
    /// The requested scopes that the client may have.
    pub scopes: Scopes,
    /// Requested scopes that the client was not granted.
    #[serde(default, skip_serializing_if = "RequestedScopes::is_empty")]
    pub dropped: RequestedScopes,
    /// The API; `None` means the issuer itself.
    pub audience: Option<String>,
    /// The value that goes into the ID token unchanged.
    pub nonce: Option<String>,
    /// The PKCE challenge, where the client sent one.
    #[serde(default)]
    pub code_challenge: Option<String>,
    /// The client's requirements on the authentication.
    #[serde(rename = "wishes")]
    pub authn: AuthnRequest,
    /// Individually requested claims.
    pub asked_claims: RequestedClaims,
    /// The key the code will be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// The user whom the client expects to sign in.
    pub login_hint: Option<String>,
    /// The languages of the pages.
    pub ui_locales: Option<String>,
    /// Whether the client pushed it (RFC 9126).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
}

/// The lifetime of a code: long enough for a redirect, short enough that codes in logs have expired.
pub const CODE_LIFE: TimeSpan = TimeSpan::from_secs(60);

/// How many codes of one user and client are kept beside the newest, unredeemed and redeemed each. Bounds the
/// rows that a page creates by requesting codes in a loop (`prompt=none`). A working client redeems a code
/// within seconds.
pub const MAX_CODES: i64 = 32;

/// The lifetime of a pushed request (RFC 9126 §2.2).
pub const PUSHED_REQUEST_LIFE: TimeSpan = TimeSpan::from_secs(90);

/// The authorization that a user gave to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The `client_id` of the authorized client.
    pub client_id: String,
    /// The user who gave it.
    pub user_id: UserId,
    /// The user's session epoch at that time. The authorization ends with all sessions of the user.
    pub user_epoch: i64,
    /// The browser session in which it was given.
    pub browser: Option<BrowserId>,
    /// When the user authenticated.
    pub auth_time: Timestamp,
    /// The factors; `None` means the password alone, at `auth_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// Requested scopes that the client was not granted.
    #[serde(default, skip_serializing_if = "RequestedScopes::is_empty")]
    pub dropped: RequestedScopes,
    /// The API of its access tokens; `None` means the issuer itself.
    pub audience: Option<String>,
    /// Individually requested claims.
    #[serde(default, skip_serializing_if = "RequestedClaims::is_empty")]
    pub asked_claims: RequestedClaims,
    /// The value that goes into the ID token unchanged (OpenID Connect Core §3.1.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The redirect URI of the code, which the redemption must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The PKCE challenge (RFC 7636), where the client sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The key the code is bound to (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// Whether it depends on a stored consent, and ends when that is withdrawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_consent: bool,
    /// Whether the request was pushed (RFC 9126).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
}

/// The user who authorizes a client, and their authentication.
#[derive(Debug, Clone, Copy)]
pub struct Grantor<'a> {
    /// The authenticated user.
    pub user: &'a User,
    /// The sign-in at the pages, if there is one.
    pub browser: Option<BrowserId>,
    /// When and how the user authenticated.
    pub authentication: Authentication,
    /// See [`Authorization::by_consent`].
    pub by_consent: bool,
}

/// The data that the grant adds when an authorization becomes a session.
pub struct SessionTerms<'a> {
    /// The session's id, and its first branch's, unless the branch joins a session.
    pub id: SessionId,
    /// The grant that opens it.
    pub grant_type: &'a str,
    /// The key to which its refresh tokens are bound, if any.
    pub dpop_jkt: Option<String>,
    /// The lifetimes of the session and its access tokens, and the retry window.
    pub lifetimes: Lifetimes,
}

impl Authorization {
    /// The authorization by `grantor` of the client of `request`, with the scopes that are still available.
    #[must_use]
    pub fn of(request: &Request, grantor: Grantor<'_>, available: &AvailableScopes) -> Self {
        let Grantor { user, browser, authentication, by_consent } = grantor;
        let Authentication { auth_time, factors } = authentication;
        Self {
            client_id: request.client_id.clone(),
            user_id: user.id,
            user_epoch: user.session_epoch,
            browser,
            auth_time,
            factors,
            scopes: available.granted.scopes().clone(),
            dropped: request.dropped.with(available.dropped.iter()),
            audience: request.audience.clone(),
            asked_claims: request.asked_claims.clone(),
            nonce: request.nonce.clone(),
            redirect_uri: Some(request.redirect_uri.clone()).filter(|uri| !uri.is_empty()),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            by_consent,
            pushed: request.pushed,
        }
    }

    /// The session that it becomes at `now`.
    #[must_use]
    pub fn session(&self, terms: SessionTerms<'_>, now: Timestamp) -> Session {
        let SessionTerms { id, grant_type, dpop_jkt, lifetimes } = terms;
        let expires_at = now + lifetimes.max;
        let requested_scopes = (!self.dropped.is_empty())
            .then(|| RequestedScopes::from(&self.scopes).with(self.dropped.iter()));
        Session {
            id,
            branch: BranchId::from_uuid(id.uuid()),
            user_id: self.user_id,
            client_id: self.client_id.clone(),
            audience: self.audience.clone(),
            scopes: self.scopes.clone(),
            chain: Chain::opened(now),
            created_at: now,
            idle_expires_at: (now + lifetimes.idle).min(expires_at),
            expires_at,
            revoked: None,
            user_epoch: self.user_epoch,
            grant_type: Some(grant_type.to_owned()),
            auth_time: self.auth_time,
            factors: self.factors,
            browser: self.browser,
            asked_claims: self.asked_claims.clone(),
            dpop_jkt,
            requested_scopes,
        }
    }
}
