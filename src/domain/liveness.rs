//! Liveness: whether a session is active, given the stored state of its user and its client.
//!
//! Owns the only rule. Every presented access token, refresh token and browser session is checked by these
//! functions, and [`ActiveSession`] is the proof. The parts return their reasons with the time from which they
//! hold, so that the diagnosis of a token can evaluate another time.

use std::borrow::Borrow;

use crate::base::Timestamp;

use super::api_key::ApiKey;
use super::client::Client;
use super::session::{EndReason, Session};
use super::user::User;

/// The state of a user that liveness depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserState {
    /// The user's current session epoch.
    pub session_epoch: i64,
    /// When the user was disabled; `None` if enabled.
    pub disabled_at: Option<Timestamp>,
}

/// The state of a client that liveness depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Since when the client has its `client_id`.
    pub name_since: Timestamp,
    /// When the client was disabled; `None` if enabled.
    pub disabled_at: Option<Timestamp>,
}

/// The client through which a session was opened, or that is the subject of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// The built-in client, which always exists.
    BuiltIn,
    /// The current registration under its name.
    Registered(Registered),
    /// Nothing is registered under its name.
    Missing,
    /// Not considered. A batch of refreshes cannot look up registrations, so the clients of sessions at `/v1` are
    /// checked afterwards. A user may end the sessions of any client.
    NotConsidered,
}

/// The limit of a session's life that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// It was not refreshed in time.
    Idle,
    /// Its absolute expiry.
    Absolute,
}

/// Why a session, an API key or a token is no longer active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inactive {
    /// The session was ended.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why.
        reason: EndReason,
    },
    /// The session has expired.
    Expired(Limit),
    /// The user is disabled.
    UserDisabled {
        /// Since when.
        since: Timestamp,
    },
    /// All sessions of the user were ended after the session began.
    UserChanged {
        /// The number of such events. Negative when the database is older than the session.
        epochs: i64,
    },
    /// No client has the name.
    ClientMissing,
    /// The client is disabled.
    ClientDisabled {
        /// Since when.
        since: Timestamp,
    },
    /// The API key was revoked by its user or an administrator.
    KeyRevoked {
        /// When.
        at: Timestamp,
    },
    /// The API key has expired.
    KeyExpired,
    /// There is no API of the identifier, or the API was registered after the key was created.
    ApiGone,
    /// The name belongs to another client, which was registered later.
    ClientReplaced {
        /// When.
        since: Timestamp,
    },
}

/// An active session of an active user and client. Only [`active_session`] creates one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveSession<S = Session> {
    session: S,
}

impl<S: Borrow<Session>> ActiveSession<S> {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.session.borrow()
    }

    /// Returns the session.
    #[must_use]
    pub fn into_session(self) -> S {
        self.session
    }
}

/// Whether `session` is active at `now`. Of several reasons, expiry is returned only if the session had not ended
/// earlier, because the answer to a refresh depends on it.
///
/// A stored decision applies at once, whatever its time, because the clock of another process may be ahead.
///
/// # Errors
/// Why it is not active.
pub fn active_session<S: Borrow<Session>>(
    session: S,
    user: UserState,
    client: ClientState,
    now: Timestamp,
) -> Result<ActiveSession<S>, Inactive> {
    let judged = session.borrow();
    let reason = revoked(judged)
        .or_else(|| inactive_user(user, Some(judged.user_epoch)).next())
        .or_else(|| expired(judged, now))
        .or_else(|| inactive_client(client, judged.created_at));
    match reason {
        Some(reason) => Err(reason),
        None => Ok(ActiveSession { session }),
    }
}

/// An active API key of an active user, for a registered API. Only [`active_key`] creates one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveKey {
    key: ApiKey,
}

impl ActiveKey {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }
}

/// Whether `key` is active at `now`. `api_since` is when its API got its identifier; `None` if there is no such API.
///
/// # Errors
/// Why it is not active.
pub fn active_key(
    key: ApiKey,
    user: UserState,
    api_since: Option<Timestamp>,
    now: Timestamp,
) -> Result<ActiveKey, Inactive> {
    let revoked = key.revoked_at.map(|at| Inactive::KeyRevoked { at });
    let is_gone = api_since.is_none_or(|since| since > key.created_at);
    let reason = revoked
        .or_else(|| inactive_user(user, Some(key.user_epoch)).next())
        .or_else(|| (key.expires_at <= now).then_some(Inactive::KeyExpired))
        .or_else(|| is_gone.then_some(Inactive::ApiGone));
    match reason {
        Some(reason) => Err(reason),
        None => Ok(ActiveKey { key }),
    }
}

/// Why the session itself is not active at `at`: it was ended, or it has expired.
pub fn inactive_session(session: &Session, at: Timestamp) -> impl Iterator<Item = Inactive> {
    [revoked(session), expired(session, at)].into_iter().flatten()
}

/// Why an object that was issued to a user in `epoch`, if known, is not active.
///
/// Disabling a user raises the epoch too: one write to one row ends all sessions of the user.
pub fn inactive_user(user: UserState, epoch: Option<i64>) -> impl Iterator<Item = Inactive> {
    let disabled = user.disabled_at.map(|since| Inactive::UserDisabled { since });
    let changed = epoch
        .filter(|epoch| *epoch != user.session_epoch)
        .map(|epoch| Inactive::UserChanged { epochs: user.session_epoch.saturating_sub(epoch) });
    [disabled, changed].into_iter().flatten()
}

/// Why an object that was issued at `given` to the client of this name is not active.
#[must_use]
pub fn inactive_client(client: ClientState, given: Timestamp) -> Option<Inactive> {
    match client {
        ClientState::BuiltIn | ClientState::NotConsidered => None,
        ClientState::Missing => Some(Inactive::ClientMissing),
        ClientState::Registered(found) if found.name_since > given => {
            Some(Inactive::ClientReplaced { since: found.name_since })
        }
        ClientState::Registered(found) => {
            found.disabled_at.map(|since| Inactive::ClientDisabled { since })
        }
    }
}

/// The end of the second in which a token was issued: tokens have whole seconds, and the client of the token
/// may have been registered within the same second.
#[must_use]
pub const fn made_at_the_latest(iat: i64) -> Timestamp {
    Timestamp::from_millis(iat.saturating_mul(1000).saturating_add(999))
}

fn revoked(session: &Session) -> Option<Inactive> {
    session.revoked.map(|(at, reason)| Inactive::Revoked { at, reason })
}

fn expired(session: &Session, at: Timestamp) -> Option<Inactive> {
    if at >= session.expires_at {
        return Some(Inactive::Expired(Limit::Absolute));
    }
    (at >= session.idle_expires_at).then_some(Inactive::Expired(Limit::Idle))
}

impl From<&User> for UserState {
    fn from(user: &User) -> Self {
        Self { session_epoch: user.session_epoch, disabled_at: user.disabled_at }
    }
}

impl From<&Client> for Registered {
    fn from(client: &Client) -> Self {
        Self { name_since: client.name_since, disabled_at: client.disabled_at }
    }
}

impl From<Option<&Client>> for ClientState {
    fn from(found: Option<&Client>) -> Self {
        found.map_or(Self::Missing, |client| Self::Registered(client.into()))
    }
}

#[cfg(test)]
#[path = "liveness_tests.rs"]
mod tests;
