//! Diagnoses an access token: every check, in one list.
//!
//! Owns the decision as a pure function over the evidence: `crypto` has verified the signature, `admin` has read
//! the rows. A check that an earlier failure makes impossible has no result; every other check has one.

mod claims;
mod client;
mod code;
mod evidence;
mod header;
mod opaque;
mod report;
mod state;
#[cfg(test)]
mod tests;

pub use code::{Check, TokenCode};
pub use evidence::{
    EpochRaise, Evidence, Flaw, Genuine, Holder, NamedKey, Opaque, OpaqueKind, Presented,
    ReliedRows, Signed, StoredState, TokenStructure,
};
pub use report::{Checked, Report};

pub use crate::domain::liveness::Registered;

use crate::base::Timestamp;

/// Every check as of `at`, in the order of a verifier.
///
/// Rows are interpreted for that time: a session that was ended after `at` was alive then.
#[must_use]
pub fn diagnose(facts: &Evidence, at: Timestamp) -> Report {
    match &facts.presented {
        Presented::Opaque(secret) => opaque::diagnose(secret, at),
        Presented::Signed(signed) => {
            let mut checks = Vec::from(header::checks(signed, at));
            checks.extend(claims::checks(facts, signed, at));
            checks.extend(state::checks(facts, signed, at));
            Report::of(at, checks)
        }
    }
}
