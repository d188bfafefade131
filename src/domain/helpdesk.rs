//! The limit on resets of one account by the helpdesk.
//!
//! Owns the time between a reset of the password and one of the second factors: with both, a single member of the
//! helpdesk could take over an account.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::{Code, Refusal};
use crate::text_enum;

/// The minimum time between a reset of one kind and one of the other.
pub const PAUSE: TimeSpan = TimeSpan::from_days(1);

text_enum! {
    /// A kind of reset.
    pub enum Reset {
        /// The password: the user is sent a link to choose another one.
        Password = "password",
        /// Second factors.
        Factors = "factors",
    }
}

impl Reset {
    /// The reset that must not have happened shortly before.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Password => Self::Factors,
            Self::Factors => Self::Password,
        }
    }

    /// Refuses a reset when the helpdesk has reset the other one at `last`.
    ///
    /// # Errors
    /// `conflict`, with the time from which the reset is possible.
    pub fn check(self, last: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
        let Some(free) = last.map(|last| last + PAUSE).filter(|free| *free > now) else {
            return Ok(());
        };
        let done = match self.other() {
            Self::Password => "was sent a link to choose a new password",
            Self::Factors => "had second factors removed",
        };
        let message = format!(
            "The user {done} by the helpdesk in the last 24 hours, and the helpdesk cannot reset both. Wait until {}, \
             or ask an administrator.",
            free.rfc3339()
        );
        Err(Refusal::new(Code::Conflict, "").with_message(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_ends_after_a_day() {
        let at = Timestamp::from_secs(1_000_000);
        let check = |after: i64| Reset::Password.check(Some(at), at + TimeSpan::from_secs(after));
        assert!(check(0).is_err());
        assert!(check(24 * 3600 - 1).is_err());
        assert!(check(24 * 3600).is_ok());
        assert!(Reset::Factors.check(None, at).is_ok());
    }
}
