//! The completed factors of a pending authentication, for sealing into a challenge.
//!
//! Owns the requirements: those of the server's policy, the client and the request. They are combined again at
//! every step, with the user's current role.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::authn::{
    AccountState, Attempt, AuthnStep, Demand, Factors, Method, Purpose, Requirements,
    SecondFactorPolicy, next_step,
};
use crate::domain::user::User;

/// The completed factors so far. They are sealed into the challenge and contain nothing that would allow offline
/// guessing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Progress {
    #[serde(default)]
    pub(super) purpose: Purpose,
    pub(super) user: UserId,
    /// The user's epoch when the first factor was checked.
    pub(super) epoch: i64,
    pub(super) factors: Factors,
    /// The requirements of the request and its client.
    #[serde(default)]
    pub(super) demand: Demand,
    /// Whether a password was counted, whose attempt is returned at the end.
    #[serde(default = "counted")]
    pub(super) is_counted: bool,
    /// Whether that attempt counts against the limit of unknown networks.
    pub(super) counted_everywhere: bool,
    /// Whether the user has postponed the enrolment of a second factor.
    #[serde(default)]
    pub(super) put_off: bool,
}

/// The value for challenges of an older version, in which every authentication began with a password.
const fn counted() -> bool {
    true
}

impl Progress {
    /// A step-up, which begins with the factors of a session.
    #[must_use]
    pub const fn step_up(user: &User, epoch: i64, factors: Factors, demand: Demand) -> Self {
        Self {
            purpose: Purpose::StepUp,
            user: user.id,
            epoch,
            factors,
            demand,
            is_counted: false,
            counted_everywhere: false,
            put_off: false,
        }
    }

    /// A passkey of `user`, without a counted password.
    pub(super) fn of_passkey(user: &User, demand: Demand, now: Timestamp) -> Self {
        Self {
            purpose: Purpose::SignIn,
            user: user.id,
            epoch: user.session_epoch,
            factors: Factors::default().with(Method::Passkey, now),
            demand,
            is_counted: false,
            counted_everywhere: false,
            put_off: false,
        }
    }

    /// The next step, for the current state of the account.
    #[must_use]
    pub fn next_step(
        &self,
        app: &App,
        (user, account): (&User, &AccountState),
        now: Timestamp,
    ) -> AuthnStep {
        let Self { purpose, epoch, factors, .. } = *self;
        let attempt = Attempt { purpose, epoch, factors };
        let requirements = app.config.second_factor.requirements(user.role, &self.demand);
        // Without mail, no code can be required before an enrolment.
        let has_verified_email = account.has_verified_email && app.config.mail.is_some();
        let account = &AccountState { has_verified_email, ..*account };
        match next_step(&attempt, account, &requirements, now) {
            AuthnStep::Enrol { may_skip: true } if self.put_off => {
                let policy = SecondFactorPolicy::IfEnrolled;
                next_step(&attempt, account, &Requirements { policy, ..requirements }, now)
            }
            step => step,
        }
    }
}
