//! Invitations: a user created by an administrator chooses the first password.
//!
//! Owns accepting one. The link verifies the address only if it was mailed there, not if an administrator handed it
//! over.

use crate::app::{App, AuditedTx};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::domain::user_email::NewEmail;
use crate::store::{passwords, users};

use super::admission;
use super::email::verify_email;
use super::links::LinkEntry;
use super::logout_notices::{Fate, everything_of};
use super::mailed_codes::{self, UsableCode, link_invalid};
use super::register::parse_password_of;

/// The user whom an invitation is for.
///
/// # Errors
/// `link_invalid` when there is none.
pub(super) async fn invited(app: &App, code: &UsableCode) -> Result<User, Failure> {
    let owner = code.owner.ok_or_else(link_invalid)?;
    let found = users::find(&mut app.db.reader().await?, owner.user).await?;
    Ok(found.ok_or_else(link_invalid)?)
}

/// Sets the first password of an invited user, and verifies the address that the invitation was mailed to.
///
/// # Errors
/// `link_invalid` when the invitation was used or the account has changed; `weak_password`; unavailable when hashing
/// cannot keep up.
pub(super) async fn accept(
    app: &App,
    code: &UsableCode,
    entry: LinkEntry,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let owner = code.owner.ok_or_else(link_invalid)?;
    let epoch = owner.epoch.ok_or_else(link_invalid)?;
    let user = invited(app, code).await?;
    let typed = entry.new_password.ok_or_else(|| {
        Refusal::field("new_password", "missing", "Send the new password as new_password.")
    })?;
    let password = parse_password_of(app, "new_password", &typed, &user)?;
    let slot = admission::of(app, info.address(), info.now).await?.reserve(app)?;
    let hash = app.hash_password(slot, password).await?;
    let mailed_to = code.content.address.as_deref();
    let address = mailed_to.and_then(|address| NewEmail::parse(address).ok());
    let work = async |tx: &mut AuditedTx| {
        let now = tx.info().now;
        let Some(everything) = everything_of(tx, user.id, Fate::Stays).await? else {
            return Err(link_invalid().into());
        };
        if !mailed_codes::consume(tx, &code.link_hash).await?
            || passwords::change_password(tx, user.id, epoch, &hash, now).await?.is_none()
        {
            return Err(link_invalid().into());
        }
        everything.ended(tx, None).await?;
        let is_verified = match &address {
            Some(email) => verify_email(tx, user.id, email).await?,
            None => false,
        };
        let detail = if is_verified { "verified" } else { "unverified" };
        let event = Event::new(EventKind::InvitationAccepted).about(user.id).detail(detail);
        Ok(tx.record(&event).await?)
    };
    app.transaction(info, work).await
}
