//! Verifying and changing the e-mail address of the user's account.
//!
//! Owns the order: after a fresh authentication, a code and a link go to the new address, and the old one stays until
//! one of them is used. The code works in the requesting session; the link works in any browser and signs in none.
//! Only a caller who has received the mail learns whether the address belongs to another user. `email_undo` undoes a
//! change.

use crate::app::{App, AuditedTx, outbox};
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::domain::user_email::{NewEmail, UserEmail};
use crate::store::{mailed_codes as codes, users};

use super::bearer::invalid_token;
use super::email::set_email;
use super::fresh_authentication::{SignedIn, is_fresh, require_fresh};
use super::mailed_codes::{
    self, CodeContent, CodeName, CodeOwner, NewCode, UsableCode, flow, link_invalid, require_mail,
    subject_of_user,
};
use super::notifications::{Notification, notify};
use super::password::Keep;
use super::write_limit::UserWrite;
use super::{email_limits, email_undo};

/// The purposes of which a user has one pending code at a time.
const PURPOSES: [CodePurpose; 2] = [CodePurpose::Change, CodePurpose::Verify];

/// A change that waits for its code.
pub struct Requested {
    /// The address that the code is mailed to.
    pub address: String,
    /// How long the code is valid.
    pub expires_in: TimeSpan,
}

/// Sends a code to an address, which becomes the verified address of the user when the code is confirmed. An earlier
/// code becomes invalid.
///
/// # Errors
/// `feature_disabled` without mail; `validation_failed`; `reauthentication_required`; too many mails or writes;
/// unavailable when too many mails wait.
pub async fn request(
    app: App,
    signed_in: SignedIn,
    typed: String,
    info: RequestInfo,
) -> Result<Requested, Failure> {
    require_mail(&app)?;
    let new = NewEmail::parse(&typed).map_err(invalid)?;
    let to = EmailAddress::parse(&typed).map_err(invalid)?;
    outbox::require_room(&app).await?;
    let content = CodeContent { address: Some(new.address.clone()) };
    let (user, epoch) = (signed_in.user.id, signed_in.epoch);
    let write = UserWrite::new(&app);
    let purpose = app
        .transaction_or_nothing(&info, async |tx| {
            if !users::hold(tx, user, epoch).await? {
                return Err(invalid_token().into());
            }
            require_fresh(tx, &signed_in, info.now).await?;
            let stored = users::find(tx, user).await?.ok_or_else(invalid_token)?;
            let purpose = purpose_of(&stored, &new)?;
            email_limits::count(tx, user, &to).await?;
            write.take(&stored)?;
            void_pending(tx, user).await?;
            let code = NewCode {
                purpose,
                subject: subject_of_user(user),
                flow: Some(flow_of(&signed_in)),
                owner: Some(CodeOwner { user, epoch: Some(epoch) }),
                content: &content,
            };
            let made = mailed_codes::make(tx, code).await?;
            mailed_codes::mail(tx, made, (Some(user), &to), MailContent::EmailConfirmation).await?;
            if purpose == CodePurpose::Change {
                notify(tx, &stored, Notification::EmailChangeRequested).await?;
            }
            let event = Event::new(EventKind::EmailChangeRequested).about(user);
            tx.record(&event.detail(purpose.as_str())).await?;
            Ok(purpose)
        })
        .await?;
    Ok(Requested { address: new.address, expires_in: purpose.life() })
}

/// Whether the code verifies the present address or another one.
fn purpose_of(user: &User, new: &NewEmail) -> Result<CodePurpose, Refusal> {
    match &user.email {
        Some(stored) if !is_same(&stored.address, new) => Ok(CodePurpose::Change),
        Some(UserEmail { verified_at: Some(_), .. }) => {
            let message = "This is already the verified e-mail address of the account.";
            Err(Refusal::field("email", "unchanged", message))
        }
        Some(UserEmail { verified_at: None, .. }) => Ok(CodePurpose::Verify),
        None => Ok(CodePurpose::Change),
    }
}

fn is_same(address: &str, new: &NewEmail) -> bool {
    EmailAddress::parse(address).is_ok_and(|stored| stored.key() == new.key)
}

/// The refusal of an address that mail cannot be sent to.
fn invalid(error: EmailAddressError) -> Refusal {
    Refusal::field("email", error.code(), error.message())
}

/// The session or sign-in that requested a code.
fn flow_of(signed_in: &SignedIn) -> TokenHash {
    match signed_in.keep {
        Keep::Session(id) => flow(&format!("session/{id}")),
        Keep::Browser(id) => flow(&format!("browser/{id}")),
    }
}

/// Removes a pending change. Returns whether there was one.
async fn void_pending(tx: &mut AuditedTx, user: UserId) -> Result<bool, Fault> {
    let subject = subject_of_user(user);
    let mut any = false;
    for purpose in PURPOSES {
        any |= codes::void(tx, purpose, &subject).await?;
    }
    Ok(any)
}

/// The address that waits for its code, if one does.
///
/// # Errors
/// When the database cannot be read.
pub async fn pending(app: &App, user: UserId, now: Timestamp) -> Result<Option<String>, Fault> {
    let subject = subject_of_user(user);
    for purpose in PURPOSES {
        if let Some(code) = mailed_codes::pending(app, purpose, &subject, now).await? {
            return Ok(code.content.address);
        }
    }
    Ok(None)
}

/// The data of the address page besides the address.
pub struct EmailOverview {
    /// The address that waits for its code.
    pub pending: Option<String>,
    /// Whether the sign-in is fresh enough to change anything.
    pub is_fresh: bool,
}

/// The pending change of a signed-in user, and whether the sign-in is fresh enough for one.
///
/// # Errors
/// Only faults.
pub async fn overview(
    app: App,
    signed_in: SignedIn,
    now: Timestamp,
) -> Result<EmailOverview, Failure> {
    let is_fresh = is_fresh(&mut app.db.reader().await?, &signed_in, now).await?;
    Ok(EmailOverview { pending: pending(&app, signed_in.user.id, now).await?, is_fresh })
}

/// Confirms a mailed code in the session that requested it.
///
/// # Errors
/// `validation_failed` when the code is wrong, expired, replaced, was tried too often or requested in another
/// session; `email_taken`.
pub async fn confirm(
    app: App,
    signed_in: SignedIn,
    typed: String,
    info: RequestInfo,
) -> Result<(), Failure> {
    let (subject, flow_hash) = (subject_of_user(signed_in.user.id), flow_of(&signed_in));
    let found = app.transaction(&info, async |tx| {
        for purpose in PURPOSES {
            let name = CodeName { purpose, subject: &subject, flow_hash: &flow_hash };
            if let Some(code) = mailed_codes::check(tx, name, &typed).await? {
                return Ok(code);
            }
        }
        Err(wrong_code().into())
    });
    let code = found.await?;
    confirm_by_link(&app, &code, &info).await.map_err(|failure| match failure {
        Failure::Refused(refusal) if refusal.code == Code::LinkInvalid => wrong_code().into(),
        failure => failure,
    })
}

fn wrong_code() -> Refusal {
    let message = "The code is wrong or has expired, was replaced by a newer one, was tried 5 times, or was requested \
                   in another session. Check the mail; if this happens again, request a new code.";
    Refusal::field("code", "wrong", message)
}

/// Consumes a code or its link, and makes its address the verified one of the user.
///
/// # Errors
/// `link_invalid` when it is invalid; `email_taken`.
pub async fn confirm_by_link(
    app: &App,
    code: &UsableCode,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let unreadable = || Fault::internal("a stored confirmation code has no address");
    let owner = code.owner.ok_or_else(unreadable)?;
    let epoch = owner.epoch.ok_or_else(unreadable)?;
    let address = code.content.address.as_deref().ok_or_else(unreadable)?;
    let new = NewEmail::parse(address).map_err(|_| unreadable())?;
    let new = NewEmail { verified_at: Some(info.now), ..new };
    let info = info.clone().by(owner.user);
    app.transaction_or_nothing(&info, async |tx| {
        // The code is locked first and the user's row last: if several users confirm one address, the first clears
        // the claims of the others, who must not lock their rows while they wait.
        if !mailed_codes::consume(tx, &code.link_hash).await? {
            return Err(link_invalid().into());
        }
        let user = users::find(tx, owner.user).await?.ok_or_else(link_invalid)?;
        change(tx, &user, &new).await?;
        if users::hold(tx, user.id, epoch).await? { Ok(()) } else { Err(link_invalid().into()) }
    })
    .await
}

/// Makes an address the verified one. The owner of the previous verified address is notified and can undo the
/// change. An unverified address may belong to a stranger and is not notified.
async fn change(tx: &mut AuditedTx, user: &User, new: &NewEmail) -> Result<(), Failure> {
    set_email(tx, user.id, Some(new)).await?;
    let Some(before) = user.verified_email().filter(|before| !is_same(before, new)) else {
        return Ok(());
    };
    email_undo::offer(tx, user.id, before).await?;
    let email = Some(UserEmail { address: new.address.clone(), verified_at: new.verified_at });
    notify(tx, &User { email, ..user.clone() }, Notification::EmailChanged).await?;
    Ok(())
}

/// Cancels the pending change.
///
/// # Errors
/// `not_found` when there is none.
pub async fn cancel(app: App, user: UserId, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        if void_pending(tx, user).await? {
            return Ok(());
        }
        let message = "No e-mail address is waiting for confirmation.";
        Err(Refusal::new(Code::NotFound, message).into())
    })
    .await
}
