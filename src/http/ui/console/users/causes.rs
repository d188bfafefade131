//! The texts of the causes that prevent users from signing in.
//!
//! Owns the text of each cause and the button that removes it.

use crate::domain::sign_in_diagnosis::Cause;

use super::actions::UserAction;

/// The key of the cause.
pub(super) const fn title(cause: Cause) -> &'static str {
    match cause {
        Cause::NoSuchUser => "console.why.no_such_user",
        Cause::FormerLogin => "console.why.former_login",
        Cause::UnverifiedAddress => "console.why.unverified_address",
        Cause::Disabled => "console.why.disabled",
        Cause::NoPassword => "console.why.no_password",
        Cause::HashUnreadable => "console.why.hash_unreadable",
        Cause::LockedFromNetwork => "console.why.locked_from_network",
        Cause::LockedFromStrangers => "console.why.locked_from_strangers",
        Cause::SecondFactorLocked => "console.why.second_factor_locked",
        Cause::AddressLimited => "console.why.address_limited",
        Cause::PasswordChangeRequired => "console.why.password_change_required",
        Cause::EnrolmentRequired => "console.why.enrolment_required",
        Cause::WrongPassword => "console.why.wrong_password",
        Cause::SecondFactorFailed => "console.why.second_factor_failed",
        Cause::SignInRefused => "console.why.sign_in_refused",
        Cause::Overloaded => "console.why.overloaded",
    }
}

/// The action that removes it.
pub(super) const fn ending(cause: Cause) -> Option<UserAction> {
    match cause {
        Cause::Disabled => Some(UserAction::Enable),
        Cause::NoPassword => Some(UserAction::Invite),
        Cause::HashUnreadable | Cause::WrongPassword => Some(UserAction::Recovery),
        Cause::LockedFromNetwork
        | Cause::LockedFromStrangers
        | Cause::SecondFactorLocked
        | Cause::AddressLimited => Some(UserAction::Unlock),
        Cause::SecondFactorFailed => Some(UserAction::ResetFactors),
        Cause::NoSuchUser
        | Cause::FormerLogin
        | Cause::UnverifiedAddress
        | Cause::PasswordChangeRequired
        | Cause::EnrolmentRequired
        | Cause::SignInRefused
        | Cause::Overloaded => None,
    }
}
