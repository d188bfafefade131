//! Mail that tells users what happened to their accounts, so that they learn of a change that an attacker made.
//!
//! Owns to which address such mail goes: a verified one only. It holds no token, and is written in the transaction
//! of the change; at most one of a kind waits for each user.

use crate::app::AuditedTx;
use crate::app::outbox::{self, Mail};
use crate::base::TimeSpan;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::outcome::Fault;
use crate::domain::user::User;
use crate::i18n::Locale;
use crate::store::mails;

/// How long delivery is tried. Later than that the news is stale.
const LIFE: TimeSpan = TimeSpan::from_days(1);

/// Tells `user` that the password was changed.
///
/// # Errors
/// When the database cannot be written.
pub async fn password_changed(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let at = tx.info().now;
    notify(tx, user, MailContent::PasswordChanged { at }).await
}

/// Tells `user` that the account was recovered: the password is a new one.
///
/// # Errors
/// When the database cannot be written.
pub async fn recovery_used(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let at = tx.info().now;
    notify(tx, user, MailContent::RecoveryUsed { at }).await
}

async fn notify(tx: &mut AuditedTx, user: &User, content: MailContent) -> Result<(), Fault> {
    let Some(address) = user.verified_email() else { return Ok(()) };
    // Where mail cannot be delivered, a user who changes the password again and again does not fill the outbox.
    if mails::waits(&mut **tx, user.id, content.kind().as_str()).await? {
        return Ok(());
    }
    let to = EmailAddress::parse(address)
        .map_err(|_| Fault::internal("a stored e-mail address that is none"))?;
    let (now, language) = (tx.info().now, tx.info().language);
    let mail = Mail {
        user: Some(user.id),
        to: &to,
        locale: Locale::choose(Some(language), None, None),
        link_hash: None,
        expires_at: now + LIFE,
        content,
    };
    outbox::post(tx, mail).await
}
