//! Whether an access token is good, and why not: every check there is, in one list.
//!
//! Owns the decision as a pure function over facts that others gathered: `crypto` has verified the
//! signature, `admin` has read the rows. A check that an earlier failure makes impossible is left
//! open, every other one is answered. Touches neither keys nor rows, and holds no token.

mod client;
mod code;
mod facts;
mod inside;
mod opaque;
mod outside;
mod report;
mod standing;
#[cfg(test)]
mod tests;

pub use code::{Check, TokenCode};
pub use facts::{
    Anatomy, Facts, Flaw, Genuine, Holder, NamedKey, Opaque, OpaqueKind, Presented, Raise,
    Registered, Relied, Signed, Standing,
};
pub use report::{Checked, Report};

use crate::base::Timestamp;

/// Every check of what was presented, judged as of `at`, in the order in which a verifier makes them.
///
/// What a row tells about another time is told: a session that was ended after `at` was alive then.
#[must_use]
pub fn judge(facts: &Facts, at: Timestamp) -> Report {
    match &facts.presented {
        Presented::Opaque(secret) => opaque::judge(secret, at),
        Presented::Signed(signed) => {
            let mut checks = Vec::from(outside::checks(signed, at));
            checks.extend(inside::checks(facts, signed, at));
            checks.extend(standing::checks(facts, signed, at));
            Report::of(at, checks)
        }
    }
}
