//! The checks that only the issuer can make: user, session, API.
//!
//! Owns these three checks, and how current rows are interpreted for another time. The user comes before the
//! session, because a session that was deleted with its user needs no separate explanation. A token that a
//! client has in its own name has neither.

use crate::base::Timestamp;
use crate::domain::audit::EventKind;
use crate::domain::liveness::{Inactive, Limit, inactive_session, inactive_user};
use crate::domain::session::{EndReason, Session};

use super::client::{client, revocation};
use super::code::{Check, TokenCode};
use super::evidence::{EpochRaise, Evidence, Holder, Signed, StoredState};
use super::report::Checked;

/// The claims a session is compared with.
struct Claimed<'a> {
    sub: Option<&'a str>,
    aud: Option<&'a str>,
    iss: Option<&'a str>,
    client_id: Option<&'a str>,
    acts: bool,
}

pub(super) fn checks(facts: &Evidence, signed: &Signed, at: Timestamp) -> Vec<Checked> {
    let of_client = signed.is_of_client();
    let mut checks = vec![revocation(signed)];
    match &signed.state {
        None if of_client => checks.push(Checked::open(Check::Client)),
        None => checks.extend([Check::User, Check::Session, Check::Client].map(Checked::open)),
        Some(state) => {
            if !of_client {
                let claimed = Claimed::by(signed);
                let vouching = match signed.is_of_key() {
                    true => api_key(state, claimed.sub, at),
                    false => session(state, Some(&claimed), at),
                };
                checks.extend([user(state, at), vouching]);
            }
            checks.push(client(state, of_client, at));
        }
    }
    checks.push(api(facts, signed));
    checks
}

/// The same for a token that names only its session.
pub(super) fn of_session(state: &StoredState, at: Timestamp) -> [Checked; 3] {
    [user(state, at), session(state, None, at), client(state, false, at)]
}

fn user(state: &StoredState, at: Timestamp) -> Checked {
    let failed = |code, detail: String| Checked::failed(Check::User, code, detail);
    let user = match &state.user {
        Holder::Known(user) => user,
        Holder::Unnamed => return Checked::open(Check::User),
        Holder::Gone(Some(gone)) if at < *gone => {
            return Checked::noted(
                Check::User,
                &[format!("The user was deleted later, on {gone}.")],
            );
        }
        Holder::Gone(Some(gone)) => {
            return failed(TokenCode::UserDeleted, format!("The user was deleted on {gone}."));
        }
        Holder::Gone(None) => {
            let detail = "There is no such user: deleted longer ago than the audit trail goes \
                          back, or lost with a restored backup.";
            return failed(TokenCode::UserDeleted, detail.to_owned());
        }
    };
    let mut notes = Vec::new();
    let epoch = state.session.as_ref().map(|session| session.user_epoch);
    for reason in inactive_user((&**user).into(), epoch) {
        match reason {
            Inactive::UserDisabled { since } if at >= since => {
                let detail = format!("The user has been disabled since {since}.");
                return failed(TokenCode::UserDisabled, detail);
            }
            Inactive::UserDisabled { since } => {
                notes.push(format!("The user was disabled later, on {since}."));
            }
            Inactive::UserChanged { epochs } => match raised(state, epochs) {
                Some(raise) if at >= raise.at => {
                    let detail = format!(
                        "{} on {}, which ended all sessions.",
                        happened(raise.why),
                        raise.at
                    );
                    return failed(TokenCode::UserChanged, detail);
                }
                // The note about disabling already says this.
                Some(raise) if raise.why == EventKind::UserDisabled && !notes.is_empty() => {}
                Some(raise) => notes.push(format!(
                    "{} later, on {}; the session had not ended by then.",
                    happened(raise.why),
                    raise.at
                )),
                None => return failed(TokenCode::UserChanged, NO_RAISE.to_owned()),
            },
            _ => {}
        }
    }
    Checked::noted(Check::User, &notes)
}

/// The message if no event is found that ended a session of an older epoch.
const NO_RAISE: &str = "All sessions of the user were ended after this one began: by a new password, a log-out \
                        everywhere or the loss of a role. The audit trail does not contain the time.";

/// The event that ended a session that is `epochs` behind its user, if it can be determined: the first raise after
/// the session's epoch.
fn raised(state: &StoredState, epochs: i64) -> Option<EpochRaise> {
    let behind = usize::try_from(epochs).ok()?;
    let began = state.session.as_ref()?.created_at;
    let newest = state.raises.get(..behind)?;
    // An event that may not have raised the epoch makes the position uncertain, unless there are no more events
    // than epochs.
    let since = state.raises.iter().filter(|raise| raise.at >= began).count();
    if newest.iter().all(|raise| raise.certain) || since == behind {
        return newest.last().copied();
    }
    None
}

/// A sentence about the event, without its end.
const fn happened(why: EventKind) -> &'static str {
    match why {
        EventKind::PasswordChanged => "The password was changed",
        EventKind::UserDisabled => "The user was disabled",
        EventKind::UserUpdated => "The user's role was taken away",
        _ => "All of the user's sessions were ended",
    }
}

fn session(state: &StoredState, claimed: Option<&Claimed<'_>>, at: Timestamp) -> Checked {
    let failed = |code, detail: String| Checked::failed(Check::Session, code, detail);
    let Some(session) = &state.session else {
        let detail = match &state.user {
            Holder::Gone(Some(gone)) if at < *gone => {
                "The session was deleted with its user: its state at that time is no longer known."
            }
            Holder::Gone(_) => return Checked::open(Check::Session),
            Holder::Known(_) | Holder::Unnamed => {
                "There is no such session: its row was removed some time after its end, was deleted with its user, \
                 or was lost with a restored backup."
            }
        };
        return failed(TokenCode::SessionUnknown, detail.to_owned());
    };
    if claimed.is_some_and(|claimed| !belongs(session, claimed)) {
        let detail = "The session it names is another user's, another client's or for another \
                      audience: the token comes from another database.";
        return failed(TokenCode::SessionMismatch, detail.to_owned());
    }
    if at.secs() < session.created_at.secs() {
        let detail = format!("The session was opened only on {}.", session.created_at);
        return failed(TokenCode::SessionUnknown, detail);
    }
    let mut notes = Vec::new();
    for reason in inactive_session(session, at) {
        match reason {
            Inactive::Revoked { at: ended, reason } => {
                let why = reason_in_words(reason);
                if at >= ended {
                    let detail = format!("The session was ended on {ended}: {why} ({reason}).");
                    return failed(TokenCode::SessionEnded, detail);
                }
                notes.push(format!(
                    "The session was active then; it was ended on {ended}: {why} ({reason})."
                ));
            }
            Inactive::Expired(Limit::Absolute) => {
                let detail =
                    format!("The session reached its absolute end on {}.", session.expires_at);
                return failed(TokenCode::SessionExpired, detail);
            }
            Inactive::Expired(Limit::Idle) => {
                let detail = format!(
                    "The session was not refreshed in time: it ended on {}.",
                    session.idle_expires_at
                );
                return failed(TokenCode::SessionExpired, detail);
            }
            _ => {}
        }
    }
    Checked::noted(Check::Session, &notes)
}

/// The API key in the place of a session. It ends with all sessions of its user.
fn api_key(state: &StoredState, sub: Option<&str>, at: Timestamp) -> Checked {
    let failed = |detail: String| Checked::failed(Check::Session, TokenCode::ApiKeyEnded, detail);
    let Some(key) = &state.key else {
        let detail = "There is no API key of this id (any more): its row was removed some time after its end, went \
                      with its user, or was lost with a restored backup.";
        return failed(detail.to_owned());
    };
    if sub != Some(key.user_id.to_string().as_str()) {
        return failed(
            "The API key is another user's: the token comes from another database.".to_owned(),
        );
    }
    if let Some(ended) = key.revoked_at.filter(|ended| *ended <= at) {
        return failed(format!("The API key was revoked on {ended}."));
    }
    if key.expires_at <= at {
        return failed(format!("The API key expired on {}.", key.expires_at));
    }
    let is_changed = |reason| matches!(reason, Inactive::UserChanged { .. });
    if let Holder::Known(user) = &state.user
        && inactive_user((&**user).into(), Some(key.user_epoch)).any(is_changed)
    {
        let detail = "Everything of the user was ended after the API key was made: by a new password, a log-out \
                      everywhere, or the loss of a role.";
        return failed(detail.to_owned());
    }
    let note = key.revoked_at.map(|ended| format!("The API key was revoked since, on {ended}."));
    Checked::noted(Check::Session, &note.into_iter().collect::<Vec<_>>())
}

impl<'a> Claimed<'a> {
    fn by(signed: &'a Signed) -> Self {
        Self {
            sub: signed.text("sub"),
            aud: signed.text("aud"),
            iss: signed.text("iss"),
            client_id: signed.text("client_id"),
            acts: signed.acts(),
        }
    }
}

/// Whether the claims are from this session. In a token for the issuer itself, the audience is the issuer at that
/// time, even if this server has another name now. A client may exchange a token of its own session for another
/// API; a token that another client exchanged names that client as the actor (RFC 8693).
fn belongs(session: &Session, claimed: &Claimed<'_>) -> bool {
    if claimed.sub != Some(session.user_id.to_string().as_str()) {
        return false;
    }
    if claimed.acts {
        return true;
    }
    let audience = session.audience.as_deref().or(claimed.iss);
    claimed.client_id == Some(session.client_id.as_str())
        && (session.grant_type.is_some() || claimed.aud == audience)
}

const fn reason_in_words(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Logout => "its owner logged out",
        EndReason::EndedByUser => "the user ended it from another session",
        EndReason::EndedByAdmin => "an administrator ended it",
        EndReason::PasswordChanged => "the password was changed",
        EndReason::ReuseDetected => "a used refresh token was presented again",
        EndReason::ApiDeleted => "the API it was for was deleted",
        EndReason::ConsentRevoked => "the user removed the access of its client",
        EndReason::CodeReused => "the authorization code it came from was presented twice",
        EndReason::TokenRevoked => "its client revoked a token of it",
        EndReason::RollbackDetected => "a refresh token newer than the database was presented",
        EndReason::SessionLimit => {
            "its user opened more sessions than SIGNET_MAX_SESSIONS_PER_USER allows"
        }
    }
}

fn api(facts: &Evidence, signed: &Signed) -> Checked {
    let Some(found) = signed.text("aud") else { return Checked::open(Check::Api) };
    if found == facts.issuer || signed.registered {
        return Checked::passed(Check::Api);
    }
    // Without a requested audience, the audience check has already failed.
    if facts.audience.is_none() {
        return Checked::open(Check::Api);
    }
    let note = "It is not registered here (any more): no new tokens are issued for it, and this one stays valid \
                until it expires.";
    Checked::noted(Check::Api, &[note.to_owned()])
}
