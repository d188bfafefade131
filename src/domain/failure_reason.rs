//! Why a sign-in attempt failed, for the audit trail.
//!
//! Owns the list, and that only the audit trail gets a reason: the response to the caller is the same for all.
//! [`SealedReason`] can only be read by [`Event::because`](super::audit::Event::because).

use std::fmt;

use crate::text_enum;

text_enum! {
    /// Why an attempt failed. The texts are stable.
    pub enum FailureReason {
        /// The account has another password.
        WrongPassword = "wrong_password",
        /// No account has the typed login.
        NoSuchUser = "no_such_user",
        /// The account is disabled. Whether the password was right is not recorded.
        Disabled = "disabled",
        /// The account has no password.
        NoPassword = "no_password",
        /// The second factor was wrong.
        FactorFailed = "factor_failed",
        /// The password was right, and must be changed first.
        PasswordChangeRequired = "password_change_required",
        /// The stored hash cannot be parsed.
        HashUnreadable = "hash_unreadable",
        /// The account had too many failures from this network.
        AccountFromNetwork = "account_from_network",
        /// The account had too many failures from networks that are not known to it.
        AccountFromStrangers = "account_from_strangers",
        /// The address had too many failures, whatever the account.
        Address = "address",
        /// The estimated wait for a password hash exceeded the limit.
        TooLong = "too_long",
        /// The network had used its quota of the queue for password hashes.
        NetworkShare = "network_share",
        /// The queue for password hashes was full.
        QueueFull = "queue_full",
        /// The deadline passed while the attempt waited for its hash.
        Late = "late",
    }
}

/// A reason that only the audit trail can read, so that it cannot affect an answer.
#[derive(Clone, Copy)]
pub struct SealedReason(FailureReason);

impl fmt::Debug for SealedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedReason([..])")
    }
}

impl SealedReason {
    /// Seals a reason.
    #[must_use]
    pub const fn new(reason: FailureReason) -> Self {
        Self(reason)
    }

    /// The reason, for the audit event.
    pub(super) const fn reveal(self) -> FailureReason {
        self.0
    }
}
