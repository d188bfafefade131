//! The e-mail addresses of users: ownership of verified ones, and signing in by address.
//!
//! Login names and addresses are two namespaces. A login name may look like the address of another user. It is then
//! not an address: it neither prevents the owner from verifying theirs nor receives their mail.

use crate::app::{App, AuditedTx};
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, Fault, FieldError, Refusal};
use crate::domain::user::User;
use crate::domain::user_email::NewEmail;
use crate::store::{email_owners, mailed_codes};

use super::notifications::{Notification, notify};

/// The refusal of an address that another user has verified.
#[must_use]
pub fn email_taken() -> Refusal {
    let message = "Another user has verified this e-mail address.";
    let fields = vec![FieldError { field: "email", code: "taken", message }];
    Refusal { fields, ..Refusal::new(Code::EmailTaken, message) }
}

/// Refuses to enrol a second factor in an account without a verified address, if users can verify theirs: otherwise
/// an attacker who creates an account with the address of a victim would keep the factor after the victim has
/// verified it. Users with one of Signet's own roles are exempt, because an administrator created or approved their
/// accounts.
///
/// # Errors
/// `email_not_verified`.
pub fn require_verified(app: &App, user: &User) -> Result<(), Refusal> {
    let exempt = app.mailer.is_none() || user.role.is_signets_own();
    if exempt || user.verified_email().is_some() {
        return Ok(());
    }
    let message = "A second factor needs a verified e-mail address. Send a code to yours with PUT /v1/email, or at \
                   /account/email.";
    Err(Refusal::new(Code::EmailNotVerified, message))
}

/// Stores the address of a user and moves the ownership with it. A verified address is taken from every
/// user who has not verified it.
///
/// # Errors
/// `email_taken`, after the user's own address was released: run it in a transaction that a refusal rolls back.
pub async fn set_email(
    tx: &mut AuditedTx,
    user: UserId,
    email: Option<&NewEmail>,
) -> Result<(), Failure> {
    let now = tx.info().now;
    mailed_codes::void_of_user(tx, user).await?;
    email_owners::disown(tx, user).await?;
    let detail = match email {
        None => "removed",
        Some(email) if email.verified_at.is_none() => "unverified",
        Some(email) => {
            if !email_owners::own(tx, user, &email.key).await? {
                return Err(email_taken().into());
            }
            email_owners::clear_unverified(tx, &email.key, user, now).await?;
            "verified"
        }
    };
    email_owners::set_email(tx, user, email, now).await?;
    Ok(tx.record(&Event::new(EventKind::EmailChanged).about(user).detail(detail)).await?)
}

/// Stores the address that an administrator chose. Links that would undo an earlier change become invalid, and the
/// owner of a replaced verified address is notified.
///
/// # Errors
/// As [`set_email`].
pub async fn replace_email(
    tx: &mut AuditedTx,
    user: &User,
    email: Option<&NewEmail>,
) -> Result<(), Failure> {
    mailed_codes::void_all_of_user(tx, user.id).await?;
    set_email(tx, user.id, email).await?;
    let before = user.verified_email().and_then(|before| NewEmail::parse(before).ok());
    if before.is_some_and(|before| email.is_none_or(|email| email.key != before.key)) {
        notify(tx, user, Notification::EmailReplaced).await?;
    }
    Ok(())
}

/// Marks `email` as the verified address of a user. False, without a change, when another user has verified it.
///
/// # Errors
/// When the database cannot be written.
pub async fn verify_email(
    tx: &mut AuditedTx,
    user: UserId,
    email: &NewEmail,
) -> Result<bool, Fault> {
    let now = tx.info().now;
    match email_owners::owner_of(&mut **tx, &email.key).await? {
        Some(owner) if owner != user => return Ok(false),
        Some(_) => {}
        None => {
            email_owners::disown(tx, user).await?;
            if !email_owners::own(tx, user, &email.key).await? {
                // Rolls back, because the previous address was released.
                return Err(Fault::unavailable("another user has just verified this address"));
            }
        }
    }
    email_owners::clear_unverified(tx, &email.key, user, now).await?;
    let verified = NewEmail { verified_at: Some(now), ..email.clone() };
    email_owners::set_email(tx, user, Some(&verified), now).await?;
    tx.record(&Event::new(EventKind::EmailChanged).about(user).detail("verified")).await?;
    Ok(true)
}

/// The key of the account that a sign-in with `typed` is for: a verified address maps to the login name of its
/// owner, so that attempts by either share one limit. If there is no such account, the same statement runs and the
/// address itself is the key.
///
/// # Errors
/// When the database cannot be read.
pub async fn account_key(app: &App, typed: &LoginName) -> Result<String, Fault> {
    let key = typed.key();
    if !typed.is_email() {
        return Ok(key.to_owned());
    }
    let mut reader = app.db.reader().await?;
    let found = email_owners::login_key_of(&mut reader, key).await?;
    Ok(found.unwrap_or_else(|| key.to_owned()))
}
