//! What users are shown of the sign-ins to their accounts.
//!
//! Owns which audit events are part of it and for how long. The audit trail itself is for administrators.

use crate::base::id::AuditId;
use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::audit::EventKind;
use super::authn::Method;

/// How far back users see their sign-ins.
pub const HISTORY: TimeSpan = TimeSpan::from_days(90);

text_enum! {
    /// What came of an attempt to sign in. The texts are stable.
    pub enum SignInOutcome {
        /// The user was signed in.
        Succeeded = "succeeded",
        /// A user who was signed in has completed more factors, or the same ones again.
        SteppedUp = "stepped_up",
        /// The first factor was right, and another one is needed.
        FirstFactor = "first_factor",
        /// The password was right and nothing came of it.
        Refused = "refused",
        /// A password, code or passkey was wrong. Failures of one minute, method and address are one entry.
        Failed = "failed",
    }
}

impl SignInOutcome {
    /// What an audit event says about a sign-in; none where it is about something else.
    #[must_use]
    pub const fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::LoginSucceeded => Self::Succeeded,
            EventKind::LoginSteppedUp => Self::SteppedUp,
            EventKind::LoginFirstFactor => Self::FirstFactor,
            EventKind::LoginRefused => Self::Refused,
            EventKind::LoginFailed | EventKind::FactorFailed => Self::Failed,
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
    /// What came of it.
    pub outcome: SignInOutcome,
    /// From where.
    pub address: Option<String>,
    /// Browser and system, where they were recognised.
    pub browser: Option<String>,
    /// The client that it was for, where there was one.
    pub client_id: Option<String>,
    /// The methods, in the order of [`Method::ALL`].
    pub methods: Vec<Method>,
    /// How often, where failures were folded.
    pub times: i64,
}
