//! Clients a token relies on, and whether the token itself was revoked.
//!
//! Owns these two checks. Which clients a token relies on is said by whoever gathers the facts; the
//! built-in client is never among them.

use crate::base::Timestamp;

use super::code::{Check, TokenCode};
use super::evidence::{ReliedRows, Signed, StoredState};
use super::report::{Checked, quoted};

/// Whether the token was revoked by its id (RFC 7009); nobody wrote down when.
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

/// Whether every client the token relies on is there. Without the session that may name one, nobody
/// can say.
pub(super) fn client(state: &StoredState, of_client: bool, at: Timestamp) -> Checked {
    let mut notes = Vec::new();
    for relied in &state.clients {
        match one(relied, at) {
            Ok(note) => notes.extend(note),
            Err((code, detail)) => return Checked::failed(Check::Client, code, detail),
        }
    }
    if state.session.is_none() && !of_client {
        return Checked::open(Check::Client);
    }
    Checked::noted(Check::Client, &notes)
}

/// What is wrong with a client, or worth knowing of it.
fn one(relied: &ReliedRows, at: Timestamp) -> Result<Option<String>, (TokenCode, String)> {
    let name = quoted(&relied.client_id);
    let Some(found) = relied.found else {
        let detail = format!("There is no client named {name} (any more).");
        return Err((TokenCode::ClientUnknown, detail));
    };
    // Tokens tell the time in whole seconds.
    if relied.since.is_some_and(|since| found.name_since.secs() > since.secs()) {
        let detail = format!(
            "The client named {name} was registered only on {}: the token is of another one that had \
             the name before.",
            found.name_since
        );
        return Err((TokenCode::ClientUnknown, detail));
    }
    match found.disabled_at {
        Some(since) if at >= since => {
            let detail = format!("The client {name} has been disabled since {since}.");
            Err((TokenCode::ClientDisabled, detail))
        }
        Some(since) => Ok(Some(format!("The client {name} was disabled since, on {since}."))),
        None => Ok(None),
    }
}
