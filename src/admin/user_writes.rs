//! The steps of a change of a user that run within a transaction.
//!
//! Shared by the use cases of single users and by configuration files, which change many objects in one transaction.

use crate::app::AuditedTx;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::Failure;
use crate::domain::permission::Action;
use crate::domain::user::{Role, User};
use crate::domain::user_email::NewEmail;
use crate::identity::email::{replace_email, set_email};
use crate::identity::last_administrator::keep_an_administrator;
use crate::identity::logout_notices::{Fate, everything_of};
use crate::identity::register::login_taken;
use crate::store::users::{self, NewUser};
use crate::store::{mailed_codes, setup_links};

use super::authorization::authorize_on_user;
use super::users::{Update, invalid_email, not_found};

/// Stores a new user within a transaction.
///
/// # Errors
/// `login_taken`; `email_taken`.
pub(super) async fn store_new(
    tx: &mut AuditedTx,
    new: &NewUser<'_>,
    email: Option<&NewEmail>,
) -> Result<(), Failure> {
    let now = tx.info().now;
    // First, as in set-up, to avoid a deadlock between the two.
    if new.role == Role::Admin {
        setup_links::close(tx).await?;
    }
    if !users::insert(tx, new, now).await? {
        return Err(login_taken().into());
    }
    let event = Event::new(EventKind::UserCreated).about(new.id).detail(new.role.as_str());
    tx.record(&event).await?;
    match email {
        Some(email) => set_email(tx, new.id, Some(email)).await,
        None => Ok(()),
    }
}

/// Stores a change of a user who was read, with the administrators locked. Returns the audit events, except the one
/// of the address.
///
/// # Errors
/// As [`update`].
pub(super) async fn store_update(
    tx: &mut AuditedTx,
    user: User,
    update: Update,
) -> Result<Option<(EventKind, &'static str)>, Failure> {
    let (id, before, now) = (user.id, user.role, tx.info().now);
    let must_change = update.must_change_password;
    if !update.email.is_empty() {
        let email = update.email.applied_to(user.email.as_ref(), now).map_err(invalid_email)?;
        replace_email(tx, &user, email.as_ref()).await?;
    }
    if update.keeps_profile() {
        return Ok(None);
    }
    let user = update.applied_to(user)?;
    if user.role != before {
        // The caller must also be allowed to change the user in the new form.
        authorize_on_user(tx, Action::UpdateUser, &user).await?;
    }
    if before == Role::Admin && user.role != Role::Admin {
        keep_an_administrator(tx, id).await?;
    }
    if before.loses_rights(user.role) {
        users::raise_epoch(tx, id, now).await?;
    }
    if user.role.is_signets_own() && user.role != before {
        // Links that were handed over earlier become invalid: their holders would otherwise gain the new role.
        mailed_codes::void_of_user(tx, id).await?;
    }
    users::update(tx, id, user.name.as_deref(), &user.subject(), now).await?;
    if let Some(must) = must_change {
        users::require_password_change(tx, id, must, now).await?;
        tx.record(&must_change_event(id, must)).await?;
    }
    if user.role == Role::Admin {
        setup_links::close(tx).await?;
    }
    Ok(Some((EventKind::UserUpdated, user.role.as_str())))
}

/// One change of a user with its audit event, with the administrators locked; `false` if `work` has nothing to record.
///
/// # Errors
/// `not_found`; the errors of `work`.
pub(super) async fn change_in(
    tx: &mut AuditedTx,
    action: Action,
    id: UserId,
    work: impl AsyncFnOnce(&mut AuditedTx, User) -> Result<Option<(EventKind, &'static str)>, Failure>,
) -> Result<bool, Failure> {
    let user = users::find(&mut **tx, id).await?.ok_or_else(not_found)?;
    authorize_on_user(tx, action, &user).await?;
    let epoch = user.session_epoch;
    let everything = everything_of(tx, id, Fate::Stays).await?.ok_or_else(not_found)?;
    let Some((kind, detail)) = work(tx, user).await? else { return Ok(false) };
    let after = users::find(&mut **tx, id).await?;
    if after.is_none_or(|user| user.session_epoch != epoch) {
        everything.ended(tx, None).await?;
    }
    let mut event = Event::new(kind).about(id);
    event.detail = (!detail.is_empty()).then(|| detail.to_owned());
    tx.record(&event).await?;
    Ok(true)
}

/// The event that the requirement of a new password at the next sign-in was set or cleared.
pub(super) fn must_change_event(id: UserId, must: bool) -> Event {
    let event = Event::new(EventKind::PasswordMustChangeSet).about(id);
    event.detail(if must { "set" } else { "cleared" })
}
