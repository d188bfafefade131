//! A session: the access of one client in one sign-in of a user, with any number of tokens.
//!
//! Its validity is in `liveness`.

use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::authn::Factors;
use super::oidc::RequestedClaims;
use super::scope::{RequestedScopes, Scopes};
use super::user_agent::Device;

text_enum! {
    /// Why a session was ended before it expired.
    pub enum EndReason {
        /// The user logged out.
        Logout = "logout",
        /// The user ended it from another session.
        EndedByUser = "ended_by_user",
        /// An administrator ended it.
        EndedByAdmin = "ended_by_admin",
        /// The password was changed elsewhere.
        PasswordChanged = "password_changed",
        /// A used refresh token was presented.
        ReuseDetected = "reuse_detected",
        /// A refresh token with a counter ahead of the database was presented: the database is older than the token.
        RollbackDetected = "rollback_detected",
        /// The API of its tokens was deleted.
        ApiDeleted = "api_deleted",
        /// Its user withdrew the consent.
        ConsentRevoked = "consent_revoked",
        /// The authorization code it was opened with was presented a second time.
        CodeReused = "code_reused",
        /// Its client revoked one of its refresh tokens (RFC 7009).
        TokenRevoked = "token_revoked",
        /// The user has the maximum number of sessions, and this one was not used for the longest time.
        SessionLimit = "session_limit",
    }
}

/// A live refresh branch, as far as it matters for placing the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBranch {
    /// The session to which the branch belongs.
    pub session: SessionId,
    /// The id of the branch.
    pub branch: BranchId,
    /// When it was last refreshed.
    pub answered_at: Timestamp,
}

/// The placement of a new branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// The session it joins; `None` if it begins one.
    pub joins: Option<SessionId>,
    /// The branches of that session that it replaces.
    pub replaces: Vec<BranchId>,
}

/// Places a new branch, given the live ones of its client in the same sign-in. They may belong to several
/// sessions if some were opened before branches shared a session; the new branch joins the newest.
#[must_use]
pub fn place(live: &[LiveBranch]) -> Placement {
    let Some(newest) = live.iter().map(|branch| branch.session).max() else {
        return Placement::default();
    };
    let mut branches: Vec<&LiveBranch> =
        live.iter().filter(|branch| branch.session == newest).collect();
    branches.sort_by_key(|branch| (branch.answered_at, branch.branch));
    let surplus = (branches.len() + 1).saturating_sub(MAX_BRANCHES);
    let replaces = branches.iter().take(surplus).map(|branch| branch.branch).collect();
    Placement { joins: Some(newest), replaces }
}

/// The rotation state of a session: its current refresh token and the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The counter of the current token.
    pub current: u32,
    /// The counter of the token whose presentation created the current one; `None` before the first refresh.
    pub parent: Option<u32>,
    /// When a refresh of this session last got its response.
    pub answered_at: Timestamp,
    /// How often in a row a sibling has replaced its predecessor since the last ordinary rotation.
    pub supersedes: u8,
}

impl Chain {
    /// The chain of a session that has just been opened; its first token has counter 0.
    #[must_use]
    pub const fn opened(now: Timestamp) -> Self {
        Self { current: 0, parent: None, answered_at: now, supersedes: 0 }
    }
}

/// The most live branches of one session. A ninth replaces the one that was refreshed longest ago.
pub const MAX_BRANCHES: usize = 8;

/// A session, seen through one of its refresh branches.
///
/// Every redeemed authorization code opens a branch: a chain of refresh tokens with its own counter, scopes and
/// audience. The branches of one client in one sign-in at Signet's pages form one session: they share
/// [`id`](Self::id), and a detected theft or a log-out ends all of them. Other sessions have one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session's id, `sid` in its tokens.
    pub id: SessionId,
    /// The refresh branch.
    pub branch: BranchId,
    /// Its user, `sub` in its tokens.
    pub user_id: UserId,
    /// The client it was opened through.
    pub client_id: String,
    /// The API its access tokens are for; `None` means the issuer itself.
    pub audience: Option<String>,
    /// The scopes granted at log-in.
    pub scopes: Scopes,
    /// The refresh counters.
    pub chain: Chain,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Its idle expiry.
    pub idle_expires_at: Timestamp,
    /// Its absolute expiry.
    pub expires_at: Timestamp,
    /// When and why it was revoked.
    pub revoked: Option<(Timestamp, EndReason)>,
    /// The user's session epoch at the authentication.
    pub user_epoch: i64,
    /// The grant that opened it; `None` at `/v1`, for the built-in client.
    pub grant_type: Option<String>,
    /// When the user authenticated, which may be long before a client got this session.
    pub auth_time: Timestamp,
    /// The user's factors; `None` means the password alone, at `auth_time`.
    pub factors: Option<Factors>,
    /// The browser session that it belongs to, if any.
    pub browser: Option<BrowserId>,
    /// The individually requested claims.
    pub asked_claims: RequestedClaims,
    /// The thumbprint of the key its refresh tokens are bound to (RFC 9449 §5).
    pub dpop_jkt: Option<String>,
    /// The scopes that its client requested, if more than were granted.
    pub requested_scopes: Option<RequestedScopes>,
}

/// The lifetimes of sessions and their access tokens.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// The lifetime of an access token.
    pub access: TimeSpan,
    /// The lifetime of a session that is not refreshed.
    pub idle: TimeSpan,
    /// The maximum lifetime of a session.
    pub max: TimeSpan,
    /// The window in which the previous refresh token gets the same response.
    pub retry_window: TimeSpan,
}

impl Session {
    /// The factors its user completed.
    #[must_use]
    pub fn factors(&self) -> Factors {
        self.factors.unwrap_or_else(|| Factors::password(self.auth_time))
    }

    /// The part of `scopes` that a refresh must not request, because it was not requested when the session was
    /// opened. Scopes that were requested but not granted may be repeated, and are still not granted.
    #[must_use]
    pub fn never_requested(&self, scopes: &RequestedScopes) -> RequestedScopes {
        match &self.requested_scopes {
            Some(requested) => scopes.without(requested),
            None => scopes.without(&RequestedScopes::from(&self.scopes)),
        }
    }

    /// The new idle expiry of a session that was just used.
    #[must_use]
    pub fn extended(&self, now: Timestamp, idle: TimeSpan) -> Timestamp {
        (now + idle).min(self.expires_at)
    }
}

/// A session in a list for its user or an administrator.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The session.
    pub session: Session,
    /// The device it was opened on.
    pub device: Device,
    /// Whether a lost response was replaced since the last ordinary refresh.
    pub superseded: bool,
}

/// A filter of live sessions. An empty one matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those of this client, which excludes sign-ins at the pages.
    pub client_id: Option<String>,
    /// Only those that began at this time or later.
    pub since: Option<Timestamp>,
}

impl SessionFilter {
    /// The sessions of one user.
    #[must_use]
    pub fn of_user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
