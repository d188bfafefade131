//! Passkeys: checking the responses of authenticators and browsers (Web Authentication Level 3).
//!
//! Owns the formats and every check of the two ceremonies that needs no stored state. Pure: `identity` finds the
//! owner of a credential and ensures that a challenge is used once. Attestation statements are not read.

mod authenticator_data;
mod cbor;
mod ceremony;
mod client_data;
mod cose;
mod json;
pub mod options;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use crate::text_enum;

pub use authenticator_data::MAX_CREDENTIAL_ID;
pub use ceremony::{
    Asserted, AssertionResponse, KnownCredential, RegistrationResponse, verify_assertion,
    verify_registration,
};
pub use cose::ALGORITHMS;

text_enum! {
    /// Whether the authenticator verifies its user.
    pub enum UserVerification {
        /// It must.
        Required = "required",
        /// It may.
        Preferred = "preferred",
    }
}

/// The user verification that options request and checks require: a passkey stands for both factors.
pub const USER_VERIFICATION: UserVerification = UserVerification::Required;

impl UserVerification {
    /// Whether a response without it is refused.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }
}

/// The relying party of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The RP ID: the host that credentials are scoped to.
    pub id: String,
    /// The origins of pages and applications that may use them.
    pub origins: Vec<String>,
}

/// Why a response is refused. For the log only: the caller only learns that it is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It does not have the specified form.
    Malformed,
    /// It is of the other ceremony.
    Type,
    /// It is for another challenge.
    Challenge,
    /// It was created at another origin.
    Origin,
    /// It was created in a frame.
    CrossOrigin,
    /// The credential is scoped to another RP ID.
    RpId,
    /// The user did not touch the authenticator.
    UserNotPresent,
    /// The authenticator did not verify its user.
    UserNotVerified,
    /// The credential claims to be on several devices but is not eligible.
    BackupState,
    /// Whether the credential can be on several devices has changed.
    BackupEligibility,
    /// The key is for an algorithm that is not offered.
    Algorithm,
    /// The key is invalid.
    Key,
    /// The signature is not by this key.
    Signature,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Type => "response of the other ceremony",
            Self::Challenge => "another challenge",
            Self::Origin => "another origin",
            Self::CrossOrigin => "made in a frame",
            Self::RpId => "another RP ID",
            Self::UserNotPresent => "user not present",
            Self::UserNotVerified => "user not verified",
            Self::BackupState => "backed up and not eligible for it",
            Self::BackupEligibility => "backup eligibility changed",
            Self::Algorithm => "algorithm not offered",
            Self::Key => "invalid key",
            Self::Signature => "wrong signature",
        })
    }
}
