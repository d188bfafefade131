//! Undoing a change of the e-mail address, with a link that was mailed to the previous address.
//!
//! The address is restored, all sessions of the user end, and the next sign-in requires a new password, because an
//! attacker who changed the address knew the old one. It outlives the user's epoch, so that an attacker cannot invalidate
//! it by another change of the account.

use crate::app::{App, AuditedTx};
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::request_info::RequestInfo;
use crate::domain::user_email::NewEmail;
use crate::store::{mailed_codes as codes, users};

use super::email::set_email;
use super::logout_notices::{Fate, everything_of};
use super::mailed_codes::{self, CodeContent, CodeOwner, NewCode, UsableCode, link_invalid};

/// Mails the link to `before`, the address that `user` had verified.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn offer(tx: &mut AuditedTx, user: UserId, before: &str) -> Result<(), Fault> {
    let app = tx.app();
    if app.mailer.is_none() {
        return Ok(());
    }
    let to = EmailAddress::stored(before)?;
    let content = CodeContent { address: Some(before.to_owned()) };
    let code = NewCode {
        purpose: CodePurpose::Undo,
        // By address: a second change must not replace the link of the first.
        subject: app.pseudonyms.of("email/undo", &[user.uuid().as_bytes(), to.key().as_bytes()]),
        flow: None,
        owner: Some(CodeOwner { user, epoch: None }),
        content: &content,
    };
    let made = mailed_codes::make(tx, code).await?;
    mailed_codes::mail(tx, made, (Some(user), &to), MailContent::EmailChangeUndo).await
}

/// Undoes a change. The links of later changes become invalid; those of earlier ones stay valid.
///
/// # Errors
/// `link_invalid` when it was used, or the user is disabled; `email_taken` when another user has verified the address
/// since.
pub async fn undo(app: &App, code: &UsableCode, info: &RequestInfo) -> Result<(), Failure> {
    let unreadable = || Fault::internal("a stored link has no address");
    let owner = code.owner.ok_or_else(unreadable)?.user;
    let address = code.content.address.as_deref().ok_or_else(unreadable)?;
    let before = NewEmail::parse(address).map_err(|_| unreadable())?;
    let now = info.now;
    let before = NewEmail { verified_at: Some(now), ..before };
    let info = info.clone().by(owner);
    app.transaction_or_nothing(&info, async |tx| {
        let everything = everything_of(tx, owner, Fate::Stays).await?.ok_or_else(link_invalid)?;
        let user = users::find(tx, owner).await?.ok_or_else(link_invalid)?;
        if user.disabled_at.is_some() || !codes::undo_from(tx, owner, &code.link_hash).await? {
            return Err(link_invalid().into());
        }
        set_email(tx, owner, Some(&before)).await?;
        users::require_password_change(tx, owner, true, now).await?;
        users::raise_epoch(tx, owner, now).await?;
        everything.ended(tx, None).await?;
        Ok(tx.record(&Event::new(EventKind::EmailChangeUndone).about(owner)).await?)
    })
    .await
}
