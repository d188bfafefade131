//! The checks of the clients that a token depends on, and of its own revocation.
//!
//! Owns these two checks. The code that collects the evidence decides which clients a token depends on; the
//! built-in client is never among them.

use crate::base::Timestamp;
use crate::domain::liveness::{ClientState, Inactive, inactive_client, made_at_the_latest};

use super::code::{Check, TokenCode};
use super::evidence::{ReliedRows, Signed, StoredState};
use super::report::{Checked, quoted};

/// Whether the token was revoked by its id (RFC 7009); the time is not recorded.
pub(super) fn revocation(signed: &Signed) -> Checked {
    if signed.state.is_none() {
        return Checked::open(Check::Revocation);
    }
    if !signed.revoked {
        return Checked::passed(Check::Revocation);
    }
    let detail = "The token was revoked by the client it was issued to.";
    Checked::failed(Check::Revocation, TokenCode::TokenRevoked, detail)
}

/// Whether every client that the token depends on exists. Without the session, which may name one, the answer is
/// unknown.
pub(super) fn client(state: &StoredState, of_client: bool, at: Timestamp) -> Checked {
    let mut notes = Vec::new();
    for relied in &state.clients {
        match one(relied, at) {
            Ok(note) => notes.extend(note),
            Err((code, detail)) => return Checked::failed(Check::Client, code, detail),
        }
    }
    if state.session.is_none() && state.key.is_none() && !of_client {
        return Checked::open(Check::Client);
    }
    Checked::noted(Check::Client, &notes)
}

/// The problem of a client, or a note about it.
fn one(relied: &ReliedRows, at: Timestamp) -> Result<Option<String>, (TokenCode, String)> {
    let name = quoted(&relied.client_id);
    let client = relied.found.map_or(ClientState::Missing, ClientState::Registered);
    // If the token has no time, any client of this name is accepted.
    let given = relied.since.map_or(i64::MAX, Timestamp::secs);
    match inactive_client(client, made_at_the_latest(given)) {
        None => Ok(None),
        Some(Inactive::ClientReplaced { since }) => {
            let detail = format!(
                "The client named {name} was registered only on {since}: the token belongs to an earlier client with \
                 the same name.",
            );
            Err((TokenCode::ClientUnknown, detail))
        }
        Some(Inactive::ClientDisabled { since }) if at >= since => {
            let detail = format!("The client {name} has been disabled since {since}.");
            Err((TokenCode::ClientDisabled, detail))
        }
        Some(Inactive::ClientDisabled { since }) => {
            Ok(Some(format!("The client {name} was disabled later, on {since}.")))
        }
        Some(_) => {
            let detail = format!("There is no client named {name} (any more).");
            Err((TokenCode::ClientUnknown, detail))
        }
    }
}
