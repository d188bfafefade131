//! Mail: its kinds, their content, and when delivery is retried.
//!
//! Owns the content that is sealed in the outbox and the rules for retries.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::factor::FactorKind;

/// The most mails that may wait for delivery. Beyond it, requests that cause mail are answered with 503, for
/// known and unknown users alike.
pub const MAX_WAITING: i64 = 10_000;

/// The number of retries after which the pause no longer grows.
const GROWING_PAUSES: i64 = 8;

text_enum! {
    /// The kinds of mail: labels of metrics, and names of templates.
    pub enum MailKind {
        /// Requested by an operator.
        Test = "test",
        /// Tells a user that the password was changed.
        PasswordChanged = "password_changed",
        /// The code and the link with which the owner of an address chooses a new password.
        Recovery = "recovery",
        /// The link for a new password that an administrator requested.
        PasswordReset = "password_reset",
        /// The link with which an invited user chooses the first password.
        Invitation = "invitation",
        /// Tells a user that the account was recovered.
        RecoveryUsed = "recovery_used",
        /// Tells a user that a second factor was added.
        FactorAdded = "factor_added",
        /// Tells a user that a second factor was removed in their own account.
        FactorRemoved = "factor_removed",
        /// Tells a user that an administrator removed second factors.
        FactorsReset = "factors_reset",
        /// Tells a user that an API key was created.
        ApiKeyCreated = "api_key_created",
        /// Tells a user that the recovery codes were replaced.
        RecoveryCodesRenewed = "recovery_codes_renewed",
        /// Tells a user that a recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// Tells a user that too many wrong codes followed the right password.
        SecondFactorLimit = "second_factor_limit",
        /// Tells a user that the right password was entered repeatedly without a second factor.
        SecondFactorMissing = "second_factor_missing",
        /// Tells a user of a sign-in from a network that is new to the account.
        NewNetwork = "new_network",
        /// Tells a user that a passkey may have been copied.
        PasskeyCounterReused = "passkey_counter_reused",
        /// The code and the link that confirm an address of an account.
        EmailConfirmation = "email_confirmation",
        /// Tells the owner of an address that a change of it was requested.
        EmailChangeRequested = "email_change_requested",
        /// Tells the owner of a new address that it now belongs to the account.
        EmailChanged = "email_changed",
        /// Tells the owner of the previous address about the change, with a link that undoes it.
        EmailChangeUndo = "email_change_undo",
        /// Tells the owner of the previous address that an administrator changed or removed it.
        EmailReplaced = "email_replaced",
        /// The code that is required before a second factor is enrolled at a sign-in.
        EnrolmentCode = "enrolment_code",
        /// The code and the link with which a new user signs up. For an address that a user has verified,
        /// [`Self::AccountExists`] is sent in its place.
        Signup = "signup",
        /// Tells a user who signs up again that there is an account.
        AccountExists = "account_exists",
        /// Tells a user that the login name was changed.
        LoginChanged = "login_changed",
        /// Tells the owner of an address that the account was deleted.
        AccountDeleted = "account_deleted",
    }
}

/// The secrets of a mailed code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedSecrets {
    /// The token of the link.
    pub link: String,
    /// The code as displayed; `None` for a link alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Debug for MailedSecrets {
    // Debug output may end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailedSecrets([..])")
    }
}

/// The content of a mail, with its secrets. Only stored sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MailContent {
    /// Requested by an operator.
    Test,
    /// Tells a user that the password was changed.
    PasswordChanged {
        /// When.
        at: Timestamp,
    },
    /// The code and the link with which the owner of an address chooses a new password.
    Recovery(MailedSecrets),
    /// The link for a new password that an administrator requested.
    PasswordReset(MailedSecrets),
    /// The link with which an invited user chooses the first password.
    Invitation(MailedSecrets),
    /// Tells a user that the account was recovered.
    RecoveryUsed {
        /// When.
        at: Timestamp,
    },
    /// Tells a user that a second factor was added.
    FactorAdded {
        /// When.
        at: Timestamp,
        /// The kind of the factor.
        factor: FactorKind,
    },
    /// Tells a user that a second factor was removed in their own account.
    FactorRemoved {
        /// When.
        at: Timestamp,
        /// The kind of the factor.
        factor: FactorKind,
    },
    /// Tells a user that an administrator removed second factors.
    FactorsReset {
        /// When.
        at: Timestamp,
    },
    /// Tells a user that an API key was created.
    ApiKeyCreated {
        /// When.
        at: Timestamp,
    },
    /// Tells a user that the recovery codes were replaced.
    RecoveryCodesRenewed {
        /// When.
        at: Timestamp,
    },
    /// Tells a user that a recovery code was used.
    RecoveryCodeUsed {
        /// When.
        at: Timestamp,
        /// How many are left.
        left: i64,
    },
    /// Tells a user that too many wrong codes followed the right password.
    SecondFactorLimit {
        /// When the limit was reached.
        at: Timestamp,
    },
    /// Tells a user that the right password was entered repeatedly without a second factor.
    SecondFactorMissing {
        /// When it was typed the last time.
        at: Timestamp,
    },
    /// Tells a user of a sign-in from a network that is new to the account.
    NewNetwork {
        /// When.
        at: Timestamp,
        /// The address, where it is known.
        address: Option<IpAddr>,
        /// Browser and system in fixed words, if recognised.
        device: Option<String>,
    },
    /// Tells a user that a passkey may have been copied.
    PasskeyCounterReused {
        /// When it signed with a counter that did not increase.
        at: Timestamp,
    },
    /// The code and the link that confirm an address of an account.
    EmailConfirmation(MailedSecrets),
    /// Tells the owner of an address that a change of it was requested.
    EmailChangeRequested {
        /// When.
        at: Timestamp,
    },
    /// Tells the owner of a new address that it now belongs to the account.
    EmailChanged {
        /// Since when.
        at: Timestamp,
    },
    /// Tells the owner of the previous address about the change, with a link that undoes it.
    EmailChangeUndo(MailedSecrets),
    /// Tells the owner of the previous address that an administrator changed or removed it.
    EmailReplaced {
        /// When.
        at: Timestamp,
    },
    /// The code that is required before a second factor is enrolled at a sign-in.
    EnrolmentCode(MailedSecrets),
    /// The code and the link with which a new user signs up.
    Signup(MailedSecrets),
    /// Tells a user who signs up again that there is an account. Never in the outbox: a [`Self::Signup`] turns into
    /// it when it is sent.
    AccountExists,
    /// Tells a user that the login name was changed.
    LoginChanged {
        /// When.
        at: Timestamp,
    },
    /// Tells the owner of an address that the account was deleted.
    AccountDeleted {
        /// When.
        at: Timestamp,
    },
}

impl MailContent {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> MailKind {
        match self {
            Self::Test => MailKind::Test,
            Self::PasswordChanged { .. } => MailKind::PasswordChanged,
            Self::Recovery(_) => MailKind::Recovery,
            Self::PasswordReset(_) => MailKind::PasswordReset,
            Self::Invitation(_) => MailKind::Invitation,
            Self::RecoveryUsed { .. } => MailKind::RecoveryUsed,
            Self::FactorAdded { .. } => MailKind::FactorAdded,
            Self::FactorRemoved { .. } => MailKind::FactorRemoved,
            Self::FactorsReset { .. } => MailKind::FactorsReset,
            Self::ApiKeyCreated { .. } => MailKind::ApiKeyCreated,
            Self::RecoveryCodesRenewed { .. } => MailKind::RecoveryCodesRenewed,
            Self::RecoveryCodeUsed { .. } => MailKind::RecoveryCodeUsed,
            Self::SecondFactorLimit { .. } => MailKind::SecondFactorLimit,
            Self::SecondFactorMissing { .. } => MailKind::SecondFactorMissing,
            Self::NewNetwork { .. } => MailKind::NewNetwork,
            Self::PasskeyCounterReused { .. } => MailKind::PasskeyCounterReused,
            Self::EmailConfirmation(_) => MailKind::EmailConfirmation,
            Self::EmailChangeRequested { .. } => MailKind::EmailChangeRequested,
            Self::EmailChanged { .. } => MailKind::EmailChanged,
            Self::EmailChangeUndo(_) => MailKind::EmailChangeUndo,
            Self::EmailReplaced { .. } => MailKind::EmailReplaced,
            Self::EnrolmentCode(_) => MailKind::EnrolmentCode,
            Self::Signup(_) => MailKind::Signup,
            Self::AccountExists => MailKind::AccountExists,
            Self::LoginChanged { .. } => MailKind::LoginChanged,
            Self::AccountDeleted { .. } => MailKind::AccountDeleted,
        }
    }
}

/// When a mail is retried after `tries` failed attempts: after five seconds, then after four times as long each
/// time. When it expires it is due once more, so that the job can discard it.
#[must_use]
pub fn next_try(tries: i64, now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let exponent = u32::try_from(tries.clamp(1, GROWING_PAUSES) - 1).unwrap_or(0);
    let pause = TimeSpan::from_secs(5 * 4_i64.pow(exponent));
    (now + pause).min(expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_life_of_the_mail() {
        let (now, end) = (Timestamp::from_secs(1_000), Timestamp::from_secs(1_600));
        let pause = |tries| next_try(tries, now, Timestamp::from_secs(1 << 40)).secs() - now.secs();
        assert_eq!([1, 2, 3, 4].map(pause), [5, 20, 80, 320]);
        assert_eq!((pause(0), pause(100)), (5, pause(GROWING_PAUSES)));
        assert_eq!(next_try(4, now, end).secs(), 1_320);
        assert_eq!(next_try(5, now, end), end);
    }

    #[test]
    fn every_kind_is_the_tag_of_its_content() {
        let secrets = MailedSecrets { link: "LINK".to_owned(), code: Some("1234 5678".to_owned()) };
        let at = Timestamp::default();
        let factor = FactorKind::Totp;
        for content in [
            MailContent::Test,
            MailContent::PasswordChanged { at },
            MailContent::Recovery(secrets.clone()),
            MailContent::PasswordReset(MailedSecrets { code: None, ..secrets.clone() }),
            MailContent::Invitation(MailedSecrets { code: None, ..secrets.clone() }),
            MailContent::RecoveryUsed { at },
            MailContent::FactorAdded { at, factor },
            MailContent::FactorRemoved { at, factor },
            MailContent::FactorsReset { at },
            MailContent::ApiKeyCreated { at },
            MailContent::RecoveryCodesRenewed { at },
            MailContent::RecoveryCodeUsed { at, left: 9 },
            MailContent::SecondFactorLimit { at },
            MailContent::SecondFactorMissing { at },
            MailContent::NewNetwork { at, address: None, device: Some("Firefox".to_owned()) },
            MailContent::EmailConfirmation(secrets.clone()),
            MailContent::EmailChangeRequested { at },
            MailContent::EmailChanged { at },
            MailContent::EmailChangeUndo(MailedSecrets { code: None, ..secrets.clone() }),
            MailContent::EmailReplaced { at },
            MailContent::EnrolmentCode(secrets.clone()),
            MailContent::Signup(secrets.clone()),
            MailContent::AccountExists,
            MailContent::LoginChanged { at },
            MailContent::AccountDeleted { at },
        ] {
            let debug = format!("{content:?}");
            assert!(!debug.contains("LINK") && !debug.contains("1234"), "{debug}");
            let json = serde_json::to_value(&content).unwrap();
            assert_eq!(json["kind"], content.kind().as_str());
            assert_eq!(serde_json::from_value::<MailContent>(json).unwrap(), content);
        }
    }
}
