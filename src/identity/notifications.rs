//! Mail that notifies users of changes of their accounts, so that they learn of an attack.
//!
//! Owns which event causes which mail. It goes only to a verified address, contains no token, and is written in the
//! transaction of the change; at most one of a kind waits for each user. The texts are in `mail::notices`.

use crate::app::AuditedTx;
use crate::app::outbox::{self, Mail};
use crate::base::TimeSpan;
use crate::domain::email_address::EmailAddress;
use crate::domain::factor::FactorKind;
use crate::domain::mail::MailContent;
use crate::domain::outcome::Fault;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::i18n::Locale;
use crate::store::mails;

/// How long delivery is attempted. Afterwards the notification is useless.
pub(super) const LIFE: TimeSpan = TimeSpan::from_days(1);

/// A notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification {
    /// The password was changed, by the user or by an administrator.
    PasswordChanged,
    /// The account was recovered: the password is a new one.
    RecoveryUsed,
    /// The user added a second factor.
    FactorAdded(FactorKind),
    /// The user removed a second factor.
    FactorRemoved(FactorKind),
    /// An administrator removed one second factor or all of them.
    FactorsReset,
    /// The user made an API key.
    ApiKeyCreated,
    /// The user replaced the recovery codes.
    RecoveryCodesRenewed,
    /// A recovery code was used; this many are left.
    RecoveryCodeUsed(i64),
    /// The limit of wrong codes of the second factor was reached.
    SecondFactorLimit,
    /// The right password was entered repeatedly without the second factor after it.
    SecondFactorMissing,
    /// A sign-in came from a network that is new to the account.
    NewNetwork,
    /// A passkey signed with a counter that did not increase.
    PasskeyCounterReused,
    /// The user requested another address. Sent to the stored address.
    EmailChangeRequested,
    /// The user confirmed another address. Sent to the new one; the previous one gets a link that undoes the change.
    EmailChanged,
    /// An administrator replaced or removed the address. Sent to the previous one.
    EmailReplaced,
    /// The user changed the login name.
    LoginChanged,
}

impl Notification {
    /// The mail about it.
    fn content(self, info: &RequestInfo) -> MailContent {
        let at = info.now;
        match self {
            Self::PasswordChanged => MailContent::PasswordChanged { at },
            Self::RecoveryUsed => MailContent::RecoveryUsed { at },
            Self::FactorAdded(factor) => MailContent::FactorAdded { at, factor },
            Self::FactorRemoved(factor) => MailContent::FactorRemoved { at, factor },
            Self::FactorsReset => MailContent::FactorsReset { at },
            Self::ApiKeyCreated => MailContent::ApiKeyCreated { at },
            Self::RecoveryCodesRenewed => MailContent::RecoveryCodesRenewed { at },
            Self::RecoveryCodeUsed(left) => MailContent::RecoveryCodeUsed { at, left },
            Self::SecondFactorLimit => MailContent::SecondFactorLimit { at },
            Self::SecondFactorMissing => MailContent::SecondFactorMissing { at },
            Self::PasskeyCounterReused => MailContent::PasskeyCounterReused { at },
            Self::EmailChangeRequested => MailContent::EmailChangeRequested { at },
            Self::EmailChanged => MailContent::EmailChanged { at },
            Self::EmailReplaced => MailContent::EmailReplaced { at },
            Self::LoginChanged => MailContent::LoginChanged { at },
            Self::NewNetwork => MailContent::NewNetwork {
                at,
                address: info.address(),
                device: info.device.recognised(),
            },
        }
    }
}

/// Whether `user` can be notified: mail is on, and the address is verified.
#[must_use]
pub(super) fn reaches(tx: &AuditedTx, user: &User) -> bool {
    tx.app().mailer.is_some() && user.verified_email().is_some()
}

/// Notifies `user`.
///
/// # Errors
/// When the database cannot be written.
pub async fn notify(tx: &mut AuditedTx, user: &User, what: Notification) -> Result<(), Fault> {
    let Some(address) = user.verified_email().filter(|_| reaches(tx, user)) else { return Ok(()) };
    let info = tx.info();
    let content = what.content(&info);
    // A user who changes the password repeatedly must not fill the outbox while mail cannot be delivered.
    if mails::waits(&mut **tx, user.id, content.kind().as_str()).await? {
        return Ok(());
    }
    let to = EmailAddress::stored(address)?;
    let mail = Mail {
        user: Some(user.id),
        to: &to,
        locale: Locale::choose(Some(info.language), None, None),
        link_hash: None,
        expires_at: info.now + LIFE,
        content,
    };
    outbox::post(tx, mail).await
}
