//! The exit codes of the command line, and their refusals.
//!
//! Scripts depend on these numbers, so none ever gets another meaning.

use std::process::ExitCode;

use crate::domain::outcome::Code;

/// The exit code of a command. The numbers from 69 on are those of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A failure without its own number.
    Failed = 1,
    /// The command line, or a value on it, is invalid.
    Usage = 2,
    /// The object does not exist.
    NotFound = 3,
    /// Not allowed.
    NotAllowed = 4,
    /// It conflicts with the current state.
    Conflict = 5,
    /// Some rows failed; the others were done.
    SomeFailed = 6,
    /// A check found a problem.
    CheckFailed = 7,
    /// A port is in use, or no server responds at it.
    Unreachable = 69,
    /// A temporary failure.
    TryAgain = 75,
    /// Settings, files or the database must be repaired first.
    Configuration = 78,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The exit code of a refusal.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        match code {
            Code::MalformedRequest
            | Code::ValidationFailed
            | Code::ReadOnly
            | Code::WeakPassword
            | Code::DomainNotAllowed
            | Code::InvalidTarget
            | Code::InvalidScope
            | Code::InvalidClient
            | Code::PayloadTooLarge
            | Code::UriTooLong
            | Code::UnsupportedMediaType
            | Code::MethodNotAllowed => Self::Usage,
            Code::NotFound | Code::SetupLinkInvalid | Code::LinkInvalid => Self::NotFound,
            Code::InvalidCredentials
            | Code::PasswordChangeRequired
            | Code::ChallengeInvalid
            | Code::MfaRequired
            | Code::MfaFailed
            | Code::EnrolmentRequired
            | Code::InsufficientUserAuthentication
            | Code::ReauthenticationRequired
            | Code::InvalidToken
            | Code::ProofRequired
            | Code::InsufficientScope
            | Code::RoleRequired
            | Code::Forbidden
            | Code::RegistrationClosed
            | Code::FeatureDisabled
            | Code::RefreshTokenReused
            | Code::RefreshTokenInvalid
            | Code::SessionExpired => Self::NotAllowed,
            Code::LoginTaken
            | Code::EmailTaken
            | Code::EmailNotVerified
            | Code::Conflict
            | Code::ManagedObject
            | Code::LastAdministrator
            | Code::SetupClosed => Self::Conflict,
            Code::TooManyAttempts | Code::Unavailable => Self::TryAgain,
            Code::Internal => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_refusal_looks_like_success() {
        for code in Code::ALL {
            assert_ne!(Exit::of(*code), Exit::Ok, "{code}");
        }
    }

    #[test]
    fn a_conflict_exits_with_5() {
        let conflicts = [
            Code::LoginTaken,
            Code::EmailTaken,
            Code::Conflict,
            Code::ManagedObject,
            Code::LastAdministrator,
            Code::SetupClosed,
        ];
        for code in conflicts {
            assert_eq!(Exit::of(code).number(), 5, "{code}");
        }
    }
}
