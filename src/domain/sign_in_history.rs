//! The sign-in history that users see: which audit events are part of it, and for how long.

use crate::base::id::AuditId;
use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::audit::EventKind;
use super::authn::Method;

/// How far back users can see their sign-ins.
pub const HISTORY: TimeSpan = TimeSpan::from_days(90);

/// The longest time between a first factor and its sign-in: the lifetime of a challenge.
const SAME_SIGN_IN: TimeSpan = TimeSpan::from_mins(10);

text_enum! {
    /// The outcome of a sign-in attempt. The texts are stable.
    pub enum SignInOutcome {
        /// The user was signed in.
        Succeeded = "succeeded",
        /// A user who was signed in has completed more factors, or the same ones again.
        SteppedUp = "stepped_up",
        /// The first factor was right, and another one is needed.
        FirstFactor = "first_factor",
        /// The password was right but the sign-in was refused.
        Refused = "refused",
        /// A password, code or passkey was wrong. Failures of one minute, method and address are one entry.
        Failed = "failed",
    }
}

impl SignInOutcome {
    /// The sign-in that an audit event describes; `None` for other events.
    #[must_use]
    pub const fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::LoginSucceeded => Self::Succeeded,
            EventKind::LoginSteppedUp => Self::SteppedUp,
            EventKind::LoginFirstFactor => Self::FirstFactor,
            EventKind::LoginRefused => Self::Refused,
            EventKind::LoginFailed | EventKind::LoginThrottled | EventKind::FactorFailed => {
                Self::Failed
            }
            _ => return None,
        })
    }
}

/// A sign-in, or an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Its audit event.
    pub id: AuditId,
    /// When it (first) happened.
    pub at: Timestamp,
    /// The outcome.
    pub outcome: SignInOutcome,
    /// The address it came from.
    pub address: Option<String>,
    /// Browser and system, if recognised.
    pub browser: Option<String>,
    /// The client, if it was for one.
    pub client_id: Option<String>,
    /// The methods, in the order of [`Method::ALL`].
    pub methods: Vec<Method>,
    /// The number of attempts that were folded into this entry.
    pub times: i64,
}

impl SignIn {
    /// Whether this is the first factor of one of the `newer` sign-ins, which includes it.
    #[must_use]
    pub fn was_completed(&self, newer: &[Self]) -> bool {
        let completes = |later: &Self| {
            matches!(later.outcome, SignInOutcome::Succeeded | SignInOutcome::SteppedUp)
                && later.address == self.address
                && later.at - self.at <= SAME_SIGN_IN
        };
        self.outcome == SignInOutcome::FirstFactor && newer.iter().any(completes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(outcome: SignInOutcome, address: &str, minutes: i64) -> SignIn {
        SignIn {
            id: AuditId::from_uuid(uuid::Uuid::nil()),
            at: Timestamp::from_secs(minutes * 60),
            outcome,
            address: Some(address.to_owned()),
            browser: None,
            client_id: None,
            methods: Vec::new(),
            times: 1,
        }
    }

    #[test]
    fn a_first_factor_belongs_to_a_sign_in_from_its_address_within_ten_minutes() {
        use SignInOutcome::{Failed, FirstFactor, Refused, SteppedUp, Succeeded};
        let first = sign_in(FirstFactor, "192.0.2.1", 0);
        for (outcome, address, minutes, is_completed) in [
            (Succeeded, "192.0.2.1", 10, true),
            (SteppedUp, "192.0.2.1", 1, true),
            (Succeeded, "192.0.2.1", 11, false),
            (Succeeded, "192.0.2.2", 1, false),
            (Failed, "192.0.2.1", 1, false),
            (Refused, "192.0.2.1", 1, false),
        ] {
            let newer = [sign_in(outcome, address, minutes)];
            assert_eq!(first.was_completed(&newer), is_completed, "{outcome} {address} {minutes}");
        }
        assert!(!first.was_completed(&[]));
        let failed = sign_in(Failed, "192.0.2.1", 0);
        assert!(!failed.was_completed(&[sign_in(Succeeded, "192.0.2.1", 1)]));
    }
}
