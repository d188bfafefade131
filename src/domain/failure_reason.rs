//! Why an attempt to sign in failed, as the audit trail keeps it.
//!
//! Owns the list, and that a reason reaches the audit trail only: the answer to the caller is the same for all of
//! them. [`SealedReason`] has no way out but [`Event::because`](super::audit::Event::because).

use std::fmt;

use crate::text_enum;

text_enum! {
    /// Why an attempt was not let in. The texts are stable.
    pub enum FailureReason {
        /// The account has another password.
        WrongPassword = "wrong_password",
        /// There is no account of the login that was typed.
        NoSuchUser = "no_such_user",
        /// The account is disabled. Whether the password was right is not said.
        Disabled = "disabled",
        /// The account has no password.
        NoPassword = "no_password",
        /// The second factor was wrong.
        FactorFailed = "factor_failed",
        /// The password was right, and must be changed first.
        PasswordChangeRequired = "password_change_required",
        /// The stored hash cannot be read.
        HashUnreadable = "hash_unreadable",
        /// The account had too many failures from this network.
        AccountFromNetwork = "account_from_network",
        /// The account had too many failures from networks it does not know.
        AccountFromStrangers = "account_from_strangers",
        /// The address had too many failures, whatever the account.
        Address = "address",
        /// The wait for a password hash would have been too long.
        TooLong = "too_long",
        /// The network had its share of the queue for password hashes.
        NetworkShare = "network_share",
        /// The queue for password hashes was full.
        QueueFull = "queue_full",
        /// The turn of the attempt did not come in time.
        Late = "late",
    }
}

/// A reason on its way to the audit trail. What decides about an answer cannot read it.
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
