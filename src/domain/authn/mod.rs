//! Authentication: which factor a user completes next, and when the authentication is complete.
//!
//! Owns the rule for every sign-in, step-up and recovery; pages, `/v1` and the authorization challenge endpoint all
//! apply it. Consent and `prompt` are handled in `interaction`. Does not check or store factors.

mod factors;
mod policy;

use serde::{Deserialize, Serialize};

use crate::base::{TimeSpan, Timestamp};

use super::liveness::{UserState, inactive_user};
use super::user::User;

pub use factors::{
    Amr, AssuranceLevel, Authentication, CompletedFactor, FactorClass, Factors, Method,
};
pub use policy::{Demand, SecondFactor, ServerPolicy};

/// How long a completed factor is valid in an authentication that is not finished.
pub const FACTOR_LIFE: TimeSpan = TimeSpan::from_mins(10);

/// The accepted difference between the clocks of two processes.
const CLOCK_SKEW: TimeSpan = TimeSpan::from_secs(10);

/// The purpose of an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To open a session or a sign-in at the pages.
    #[default]
    SignIn,
    /// Raising the level of a session, or making it fresh. Starts with the factors of the session.
    StepUp,
    /// To set a new password without the old one. Opens no session.
    Recover,
}

/// An authentication in progress.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its purpose.
    pub purpose: Purpose,
    /// The user's session epoch when the first factor was checked.
    pub epoch: i64,
    /// The factors completed so far.
    pub factors: Factors,
}

/// The stored state of an account, read again for every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one fact each, from one row each")]
pub struct AccountState {
    /// The state that liveness depends on.
    pub user: UserState,
    /// Whether the password must be changed first.
    pub must_change_password: bool,
    /// Since when the account requires a second factor; `None` if it does not.
    pub second_factor_since: Option<Timestamp>,
    /// Whether the account has a TOTP secret.
    pub has_totp: bool,
    /// Whether the account has a passkey.
    pub has_passkey: bool,
    /// Whether the account has unused recovery codes.
    pub has_recovery_codes: bool,
    /// Whether the account has a verified e-mail address.
    pub has_verified_email: bool,
}

/// Whether a second factor is required, by the strictest of server, role, client and user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// Required if the account has one.
    IfEnrolled,
    /// Always. Accounts without one must enrol from that time on.
    Required {
        /// From when enrolment cannot be postponed.
        from: Timestamp,
    },
}

/// The requirements on the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// The level to reach if the account can.
    pub wished: AssuranceLevel,
    /// The level without which the user is refused.
    pub required: AssuranceLevel,
    /// The maximum age of a factor (OpenID Connect Core §3.1.2.1).
    pub max_age: Option<TimeSpan>,
    /// Factors that were completed before this time are ignored.
    pub since: Option<Timestamp>,
    /// The policy for second factors.
    pub policy: SecondFactorPolicy,
}

impl Requirements {
    /// The requirement of an account itself.
    pub const BASIC: Self = Self {
        wished: AssuranceLevel::Single,
        required: AssuranceLevel::Single,
        max_age: None,
        since: None,
        policy: SecondFactorPolicy::IfEnrolled,
    };

    /// The highest requested level.
    #[must_use]
    pub fn level(&self) -> AssuranceLevel {
        let by_policy = match self.policy {
            SecondFactorPolicy::IfEnrolled => AssuranceLevel::Single,
            SecondFactorPolicy::Required { .. } => AssuranceLevel::Multi,
        };
        by_policy.max(self.wished).max(self.required)
    }
}

/// The next step of an authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthnStep {
    /// The user completes one of these factors.
    Authenticate(Vec<Method>),
    /// The user chooses a new password.
    ChangePassword,
    /// The user enrols a second factor.
    Enrol {
        /// Whether the user may postpone it.
        may_skip: bool,
    },
    /// The user is authenticated by these factors.
    Done(Factors),
    /// The user cannot be authenticated.
    Refuse(Refused),
}

/// Why a user cannot be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The account was disabled, or all its sessions were ended, since the first factor.
    AccountChanged,
    /// The account has no factor of the required level.
    UnmetRequirements,
}

/// The next step of `attempt`.
#[must_use]
pub fn next_step(
    attempt: &Attempt,
    account: &AccountState,
    requirements: &Requirements,
    now: Timestamp,
) -> AuthnStep {
    if inactive_user(account.user, Some(attempt.epoch)).next().is_some() {
        return AuthnStep::Refuse(Refused::AccountChanged);
    }
    let fresh = attempt.factors.only(|factor| counts(attempt.purpose, factor, requirements, now));
    if let Some(methods) = first_factor(attempt.purpose, &fresh, account) {
        return AuthnStep::Authenticate(methods);
    }
    let second = second_factor(attempt.purpose, &fresh, account, requirements, now);
    match second {
        Missing::Complete(methods) => return AuthnStep::Authenticate(methods),
        Missing::Unmet => return AuthnStep::Refuse(Refused::UnmetRequirements),
        Missing::Enrol { .. } | Missing::Enough => {}
    }
    if attempt.purpose == Purpose::Recover || account.must_change_password {
        return AuthnStep::ChangePassword;
    }
    match second {
        Missing::Enrol { may_skip } => AuthnStep::Enrol { may_skip },
        _ => AuthnStep::Done(fresh),
    }
}

/// Whether a completed factor is still valid.
fn counts(
    purpose: Purpose,
    factor: CompletedFactor,
    requirements: &Requirements,
    now: Timestamp,
) -> bool {
    // In a step-up, the factors of the session are valid regardless of their age.
    let alive = purpose == Purpose::StepUp || now < factor.at + FACTOR_LIFE;
    // A factor with a time in the future was completed before the clock was set back, so its age is unknown.
    let young = requirements
        .max_age
        .is_none_or(|age| now <= factor.at + age && factor.at <= now + CLOCK_SKEW);
    let recent =
        requirements.since.is_none_or(|since| factor.at >= since && factor.at <= now + CLOCK_SKEW);
    alive && young && recent
}

/// The possible first factors; empty if one of them was completed.
fn first_factor(purpose: Purpose, fresh: &Factors, account: &AccountState) -> Option<Vec<Method>> {
    let (methods, done) = match purpose {
        Purpose::Recover => {
            (vec![Method::MailedCode], fresh.last_of(FactorClass::Mailbox).is_some())
        }
        Purpose::SignIn | Purpose::StepUp => {
            let begun = [Method::Password, Method::Passkey]
                .into_iter()
                .any(|method| fresh.completed(method).is_some());
            let passkey = account.has_passkey.then_some(Method::Passkey);
            (std::iter::once(Method::Password).chain(passkey).collect(), begun)
        }
    };
    (!done).then_some(methods)
}

/// The steps that remain after the first factor.
enum Missing {
    Enough,
    Complete(Vec<Method>),
    Enrol { may_skip: bool },
    Unmet,
}

fn second_factor(
    purpose: Purpose,
    fresh: &Factors,
    account: &AccountState,
    requirements: &Requirements,
    now: Timestamp,
) -> Missing {
    let level = fresh.level().unwrap_or(AssuranceLevel::Single);
    let by_account = match account.second_factor_since {
        Some(_) => AssuranceLevel::Multi,
        None => AssuranceLevel::Single,
    };
    let wanted = by_account.max(requirements.level());
    let is_unmet = level < requirements.required;
    // A level that the account cannot reach is not requested. Only a second factor can be enrolled during a
    // sign-in.
    let may_enrol = purpose != Purpose::Recover
        && matches!(requirements.policy, SecondFactorPolicy::Required { .. })
        && requirements.required <= AssuranceLevel::Multi;
    if is_unmet && !may_enrol && available(account, fresh, requirements.required).is_empty() {
        return Missing::Unmet;
    }
    // An account without a passkey can reach the level of its other factors.
    let targets = [wanted, AssuranceLevel::Multi.min(wanted)];
    let methods = targets
        .into_iter()
        .filter(|target| *target > level)
        .map(|target| available(account, fresh, target))
        .find(|methods| !methods.is_empty());
    if let Some(methods) = methods {
        return Missing::Complete(methods);
    }
    match requirements.policy {
        SecondFactorPolicy::Required { from } if may_enrol && level < AssuranceLevel::Multi => {
            let may_skip = now < from && !is_unmet;
            // An attacker with the password must not enrol their own factor before the owner does. While enrolment
            // can be postponed, it needs no more than a voluntary one. In a step-up, the mailed code of the
            // earlier sign-in is not accepted.
            let has_shown_mailbox =
                fresh.completed(Method::MailedCode).is_some_and(|at| now < at + FACTOR_LIFE);
            if account.has_verified_email && !has_shown_mailbox && !may_skip {
                return Missing::Complete(vec![Method::MailedCode]);
            }
            // Nor must an attacker with the session, so the user enters the password again. An enrolment that can
            // be postponed waits for the next sign-in.
            if purpose == Purpose::StepUp && !has_shown_mailbox && !has_just_begun(fresh, now) {
                let again = Missing::Complete(vec![Method::Password]);
                return if may_skip { Missing::Enough } else { again };
            }
            Missing::Enrol { may_skip }
        }
        _ => Missing::Enough,
    }
}

/// Whether the password was entered as recently as in an unfinished sign-in. A time in the future is from before the
/// clock was set back, so the age is unknown.
fn has_just_begun(fresh: &Factors, now: Timestamp) -> bool {
    fresh
        .completed(Method::Password)
        .is_some_and(|at| now < at + FACTOR_LIFE && at <= now + CLOCK_SKEW)
}

/// The factors of an account that lead to `target` and are not completed yet.
fn available(account: &AccountState, fresh: &Factors, target: AssuranceLevel) -> Vec<Method> {
    let all = [
        (Method::Totp, account.has_totp),
        (Method::Passkey, account.has_passkey),
        (Method::RecoveryCode, account.has_recovery_codes),
    ];
    let leads = |method| target < AssuranceLevel::PhishingResistant || method == Method::Passkey;
    all.into_iter()
        .filter(|(method, has)| *has && leads(*method) && fresh.completed(*method).is_none())
        .map(|(method, _)| method)
        .collect()
}

impl AccountState {
    /// Whether the account has a factor that can follow a password.
    #[must_use]
    pub const fn has_second_factor(&self) -> bool {
        self.has_totp || self.has_passkey || self.has_recovery_codes
    }
}

impl From<&User> for AccountState {
    fn from(user: &User) -> Self {
        Self {
            user: user.into(),
            must_change_password: user.must_change_password,
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
