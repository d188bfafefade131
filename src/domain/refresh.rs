//! The refresh decision: tolerates lost responses, detects stolen tokens.
//!
//! Owns the whole rule as a pure function over the counters of a session.

use crate::base::{TimeSpan, Timestamp};

use super::liveness::{ActiveSession, ClientState, Inactive, Limit, Registered, inactive_client};
use super::session::{Chain, Session};

/// How often in a row a lost response may be replaced by a sibling token. More often looks like two holders
/// who alternate.
pub const MAX_SUPERSEDES: u8 = 3;

/// The caller that presents a refresh token. It is checked first: a caller with the token of another client must
/// not be able to end that client's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A caller at `/v1`, where no client is named.
    FirstParty,
    /// An authenticated client, and its proved key, if any (RFC 9449 §5).
    Client {
        /// The `client_id` of the authenticated client.
        client_id: String,
        /// Its registration: older sessions belong to an earlier client with the same name.
        registered: Registered,
        /// The thumbprint of the key that it proved to hold, if any.
        jkt: Option<String>,
        /// Whether its refresh tokens rotate. Those of a client with the profile `fapi2` do not: they are
        /// bound to the client and its key.
        rotates: bool,
        /// The APIs that it may currently target. A session for a withdrawn API is left unchanged: ending it
        /// would make the client's next attempts look like reuse.
        audiences: Vec<String>,
    },
}

impl Holder {
    /// The state of the client, as far as a batch of refreshes knows it.
    #[must_use]
    pub const fn client_state(&self) -> ClientState {
        match self {
            Self::FirstParty => ClientState::NotConsidered,
            Self::Client { registered, .. } => ClientState::Registered(*registered),
        }
    }

    /// Whether refresh tokens rotate for this holder.
    #[must_use]
    pub const fn rotates(&self) -> bool {
        match self {
            Self::FirstParty => true,
            Self::Client { rotates, .. } => *rotates,
        }
    }

    /// Whether `session` belongs to this holder.
    #[must_use]
    pub fn holds(&self, session: &Session) -> bool {
        match self {
            Self::FirstParty => session.grant_type.is_none(),
            Self::Client { client_id, registered, jkt, rotates, audiences } => {
                // A token that does not rotate is protected only by its key. A token from before the client had
                // the profile is not bound to a key.
                let unbound = *rotates && session.dpop_jkt.is_none();
                session.grant_type.is_some()
                    && session.client_id == *client_id
                    && inactive_client(ClientState::Registered(*registered), session.created_at)
                        .is_none()
                    && (unbound || (session.dpop_jkt.is_some() && session.dpop_jkt == *jkt))
                    && session.audience.as_ref().is_none_or(|asked| audiences.contains(asked))
            }
        }
    }
}

/// The kind of a successful response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The current token was presented: a new one replaces it.
    Rotate,
    /// The previous token within the window: the same successor is returned again.
    Resend,
    /// The previous token after the window, its successor never used: a sibling replaces the successor.
    Supersede,
    /// The current token of a client whose tokens do not rotate: it is returned again.
    Keep,
}

/// Why presenting a genuine token ends the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A superseded sibling was used, so there are two holders.
    SupersededUsed,
    /// A token older than the previous one was used.
    OlderUsed,
    /// Responses were lost more than [`MAX_SUPERSEDES`] times in a row.
    SupersededTooOften,
    /// A counter that the database has not reached, because it was restored from a backup.
    Ahead,
}

/// The handling of a genuine token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Store `next`, and respond with the token of `next.current`.
    Answered {
        /// The kind of the response.
        answer: Answer,
        /// The chain to store.
        next: Chain,
    },
    /// Revoke the session.
    Alarmed(Alarm),
    /// The session has already ended; nothing changes.
    Dead(Inactive),
}

/// Decides about the genuine token with counter `presented`, given the `standing` of its session.
///
/// The window runs from the last *response*, not from the rotation: otherwise a single tab that only retries
/// could log itself out at the end of the window. If the clock was set back, no time has passed.
#[must_use]
pub fn decide(
    standing: Result<ActiveSession<&Session>, Inactive>,
    presented: u32,
    now: Timestamp,
    window: TimeSpan,
) -> Decision {
    let chain = match standing {
        Ok(active) => active.session().chain,
        Err(inactive) => return Decision::Dead(inactive),
    };
    let Some(following) = chain.current.checked_add(1) else {
        // After 2^32 refreshes the session ends, rather than wrapping around.
        return Decision::Dead(Inactive::Expired(Limit::Absolute));
    };
    let elapsed = (now - chain.answered_at).max(TimeSpan::ZERO);

    if presented == chain.current {
        let next = Chain {
            current: following,
            parent: Some(chain.current),
            answered_at: now,
            supersedes: 0,
        };
        return Decision::Answered { answer: Answer::Rotate, next };
    }
    if presented > chain.current {
        return Decision::Alarmed(Alarm::Ahead);
    }
    match chain.parent {
        Some(parent) if presented == parent => {
            if elapsed <= window {
                let next = Chain { answered_at: now, ..chain };
                Decision::Answered { answer: Answer::Resend, next }
            } else if chain.supersedes >= MAX_SUPERSEDES {
                Decision::Alarmed(Alarm::SupersededTooOften)
            } else {
                let next = Chain {
                    current: following,
                    parent: Some(parent),
                    answered_at: now,
                    supersedes: chain.supersedes + 1,
                };
                Decision::Answered { answer: Answer::Supersede, next }
            }
        }
        Some(parent) if presented > parent => Decision::Alarmed(Alarm::SupersededUsed),
        _ => Decision::Alarmed(Alarm::OlderUsed),
    }
}

/// Decides about the genuine token with counter `presented` of a client whose refresh tokens do not rotate. `None`
/// if it is not the current token: it is from before the client had the profile, or from a restored database. The
/// token is bound to the client and its key, so this raises no alarm.
#[must_use]
pub fn decide_unrotated(
    standing: Result<ActiveSession<&Session>, Inactive>,
    presented: u32,
    now: Timestamp,
) -> Option<Decision> {
    match standing {
        Err(inactive) => Some(Decision::Dead(inactive)),
        Ok(active) => {
            let next = Chain { answered_at: now, ..active.session().chain };
            let live = presented == next.current;
            live.then_some(Decision::Answered { answer: Answer::Keep, next })
        }
    }
}

#[cfg(test)]
#[path = "refresh_branch_tests.rs"]
mod branch_tests;
#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
