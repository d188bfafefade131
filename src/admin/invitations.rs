//! Links that administrators create for users: invitations and new passwords.
//!
//! Owns which user may get which link, and whether it is mailed or handed over. `identity::invitation` and
//! `identity::recovery` redeem links. A link that is handed over does not verify an address.

use crate::app::{App, AuditedTx, outbox};
use crate::base::id::UserId;
use crate::base::{Secret, Timestamp};
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::helpdesk::Reset;
use crate::domain::mail::{MailContent, MailedSecrets};
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::mailed_codes::{self, CodeContent, CodeOwner, NewCode};
use crate::store::users;

use super::authorization::{authorize_on_user, limit_helpdesk};
use super::users::not_found;

/// A link that was created.
pub struct SentLink {
    /// The address it was mailed to, if it was mailed.
    pub mailed_to: Option<String>,
    /// The link, if it was not mailed.
    pub link: Option<Secret<String>>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Invites a user without a password to choose one. The link of an earlier invitation becomes invalid. If mail is set up
/// and the user has an address, the link is mailed there, and accepting it verifies the address.
///
/// # Errors
/// `not_found`; `conflict` when the user has a password or is disabled; unavailable when too many mails wait.
pub async fn invite(app: App, id: UserId, info: RequestInfo) -> Result<SentLink, Failure> {
    let wanted = Wanted {
        action: Action::InviteUser,
        purpose: CodePurpose::Invite,
        event: EventKind::UserInvited,
        content: MailContent::Invitation,
    };
    send(&app, id, &info, wanted).await
}

/// Sends a user a link to choose a new password. The current password stays valid until then. The link is mailed to a
/// verified address only.
///
/// # Errors
/// `not_found`; `forbidden`; `conflict` when the user is disabled, or the helpdesk has just removed second
/// factors of the user; unavailable when too many mails wait.
pub async fn recover(app: App, id: UserId, info: RequestInfo) -> Result<SentLink, Failure> {
    let wanted = Wanted {
        action: Action::SendRecovery,
        purpose: CodePurpose::Reset,
        event: EventKind::RecoverySent,
        content: MailContent::PasswordReset,
    };
    send(&app, id, &info, wanted).await
}

/// A link to be created.
#[derive(Clone, Copy)]
struct Wanted {
    action: Action,
    purpose: CodePurpose,
    event: EventKind,
    content: fn(MailedSecrets) -> MailContent,
}

async fn send(
    app: &App,
    id: UserId,
    info: &RequestInfo,
    wanted: Wanted,
) -> Result<SentLink, Failure> {
    if app.mailer.is_some() {
        outbox::require_room(app).await?;
    }
    app.transaction_or_nothing(info, async |tx| make(tx, id, wanted).await).await
}

async fn make(tx: &mut AuditedTx, id: UserId, wanted: Wanted) -> Result<SentLink, Failure> {
    let Wanted { purpose, event, content, .. } = wanted;
    let epoch = users::hold_any(tx, id).await?.ok_or_else(not_found)?;
    let found = users::credential_of(&mut **tx, id).await?.ok_or_else(not_found)?;
    authorize_on_user(tx, wanted.action, &found.user).await?;
    if !users::hold(tx, id, epoch).await? {
        return Err(conflict("The user is disabled. Enable the user first."));
    }
    if purpose == CodePurpose::Invite && found.password_hash.is_some() {
        let message = "The user has a password. Send a link to choose a new one instead: \
                       POST /v1/admin/users/{id}/recovery, or signet user recover LOGIN.";
        return Err(Refusal::new(Code::Conflict, message).advising().into());
    }
    if purpose == CodePurpose::Reset {
        limit_helpdesk(tx, id, Reset::Password).await?;
    }
    let app = tx.app();
    let to = address(&app, &found.user, purpose);
    if to.is_none() && app.mailer.is_some() && tx.info().authority.is_helpdesk() {
        return Err(conflict(
            "The user has no verified e-mail address to send the link to, and the helpdesk may not see the link. Ask \
             an administrator.",
        ));
    }
    let stored = CodeContent { address: to.as_ref().map(|to| to.delivery().to_owned()) };
    let new = NewCode {
        purpose,
        subject: mailed_codes::subject_of_user(id),
        flow: None,
        owner: Some(CodeOwner { user: id, epoch: Some(epoch) }),
        content: &stored,
    };
    let made = mailed_codes::make(tx, new).await?;
    let expires_at = made.expires_at;
    let detail = if to.is_some() { "mailed" } else { "handed over" };
    tx.record(&Event::new(event).about(id).detail(detail)).await?;
    match to {
        Some(to) => {
            mailed_codes::mail(tx, made, (Some(id), &to), content).await?;
            Ok(SentLink { mailed_to: stored.address, link: None, expires_at })
        }
        None => {
            let link = mailed_codes::link_address(&tx.app(), &made.secrets.link);
            Ok(SentLink { mailed_to: None, link: Some(Secret::new(link)), expires_at })
        }
    }
}

/// The address that a link is mailed to, if mail is set up. An invitation verifies the address; a link for a new
/// password is only mailed to a verified one.
fn address(app: &App, user: &User, purpose: CodePurpose) -> Option<EmailAddress> {
    app.mailer.as_ref()?;
    let address = match purpose {
        CodePurpose::Invite => user.email.as_ref().map(|email| &*email.address),
        _ => user.verified_email(),
    };
    EmailAddress::parse(address?).ok()
}

fn conflict(message: &'static str) -> Failure {
    Refusal::new(Code::Conflict, message).into()
}
