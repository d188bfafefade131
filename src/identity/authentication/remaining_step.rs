//! The next step of an authentication, and its text.

use crate::domain::authn::{AuthnStep, Method};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::refusal_reason::Reason;

use super::challenge_invalid;

/// The next step of an authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemainingStep {
    /// The user completes one of these factors.
    Factor(Vec<Method>),
    /// The user chooses a new password.
    NewPassword,
    /// The user enrols a second factor.
    Enrol {
        /// Whether the user may postpone it.
        may_skip: bool,
    },
}

impl RemainingStep {
    /// The code that names this step on the wire.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Factor(_) => Code::MfaRequired,
            Self::NewPassword => Code::PasswordChangeRequired,
            Self::Enrol { .. } => Code::EnrolmentRequired,
        }
    }

    /// The required action of the user, as an error message.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::Factor(methods) if methods.contains(&Method::Password) => {
                "The user has to authenticate again with one of the methods."
            }
            Self::Factor(_) if self.is_mailed_code() => "The mailed code is required next.",
            Self::Factor(_) => "A second factor is required next.",
            Self::NewPassword => "The user must choose a new password first.",
            Self::Enrol { may_skip: false } => "The user has to enrol a second factor.",
            Self::Enrol { may_skip: true } => {
                "The user has to enrol a second factor, and may postpone it this time."
            }
        }
    }

    /// Whether it is the code that is mailed before an enrolment.
    #[must_use]
    pub fn is_mailed_code(&self) -> bool {
        matches!(self, Self::Factor(methods) if *methods == [Method::MailedCode])
    }

    /// Whether a code of an authenticator app or a recovery code is accepted.
    #[must_use]
    pub fn is_code(&self) -> bool {
        matches!(self, Self::Factor(methods) if waits_for_code(methods))
    }

    /// The possible next factors, or those that can be enrolled; empty for other steps.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        match self {
            Self::Factor(methods) => methods,
            Self::NewPassword => &[],
            Self::Enrol { .. } => &[Method::Totp],
        }
    }
}

/// The refusal of an account that has no factor of the level that is required.
#[must_use]
pub fn unmet_requirements() -> Refusal {
    Refusal {
        oauth: Some(OAuthError::UnmetAuthenticationRequirements),
        ..Refusal::because(Code::Forbidden, Reason::UnmetRequirements)
    }
}

/// Whether one of the next factors is a code that the user enters.
pub(super) fn waits_for_code(methods: &[Method]) -> bool {
    methods.contains(&Method::Totp) || methods.contains(&Method::RecoveryCode)
}

/// The refusal of an entry for a step that is not the next one. The challenge stays valid.
pub(super) fn another_entry(waits: &AuthnStep) -> Refusal {
    let missing = |field, message| Refusal::field(field, "missing", message);
    match waits {
        AuthnStep::ChangePassword => {
            missing("new_password", "This challenge expects a new password.")
        }
        AuthnStep::Authenticate(methods) if methods.contains(&Method::Password) => {
            missing("password", "This challenge expects the password.")
        }
        AuthnStep::Authenticate(methods) if methods.contains(&Method::MailedCode) => missing(
            "code",
            "This challenge expects the mailed code: send it with the method mailed_code.",
        ),
        AuthnStep::Authenticate(_) => {
            missing("code", "This challenge expects a code of the second factor.")
        }
        AuthnStep::Enrol { may_skip: true } => missing(
            "setup",
            "This challenge expects setup and code of a second factor, or for skip.",
        ),
        AuthnStep::Enrol { may_skip: false } => {
            missing("setup", "This challenge expects setup and code of a second factor.")
        }
        AuthnStep::Done(_) | AuthnStep::Refuse(_) => challenge_invalid(),
    }
}
