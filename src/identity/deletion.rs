//! Deleting an account: by its user, or by an administrator.
//!
//! All data of the user, including waiting mail and mailed codes, is deleted in one transaction. Clients are
//! notified that the sessions have ended, and the owner of a verified address about the deletion. The audit trail,
//! which names the user by id, and that mail remain. The login name and the address are free immediately; a new
//! account with them has another id.

use crate::app::outbox::{self, Mail};
use crate::app::{App, AuditedTx};
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::login_name::LoginName;
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::i18n::Locale;
use crate::store::{login_names, mailed_codes as codes, setup_links, user_language, users};

use super::bearer::invalid_token;
use super::fresh_authentication::{SignedIn, require_fresh};
use super::last_administrator::keep_an_administrator;
use super::logout_notices::{Fate, everything_of};
use super::mailed_codes::subject_of_address;
use super::notifications::{LIFE, reaches};
use super::unlock;

/// Deletes the account of a signed-in user who has entered its login name.
///
/// # Errors
/// `validation_failed` when another name was entered; `reauthentication_required`;
/// `last_administrator`; `invalid_token` when the account has changed or another request has deleted it.
pub async fn delete_own(
    app: App,
    signed_in: SignedIn,
    typed: String,
    info: RequestInfo,
) -> Result<(), Failure> {
    let (id, epoch) = (signed_in.user.id, signed_in.epoch);
    app.transaction_or_nothing(&info, async |tx| {
        // First, as in every change of an administrator, so that two concurrent changes cannot leave the
        // server without one.
        setup_links::hold_administrators(tx).await?;
        if !users::hold(tx, id, epoch).await? {
            return Err(invalid_token().into());
        }
        require_fresh(tx, &signed_in, info.now).await?;
        let user = users::find(tx, id).await?.ok_or_else(invalid_token)?;
        confirm(&user, &typed)?;
        Ok(delete(tx, &user).await?.ok_or_else(invalid_token)?)
    })
    .await
}

/// Refuses any login name but the user's, to prevent accidental deletions.
fn confirm(user: &User, typed: &str) -> Result<(), Refusal> {
    let key = |login: &str| LoginName::parse(login).ok().map(|login| login.key().to_owned());
    if key(typed).is_some_and(|typed| Some(typed) == key(&user.login)) {
        return Ok(());
    }
    let message = "This is not the login name of the account. Type it to confirm the deletion.";
    Err(Refusal::field("login", "not_confirmed", message))
}

/// Deletes a user that the caller has read under [`setup_links::hold_administrators`]. `None` when the user no
/// longer exists.
///
/// # Errors
/// `last_administrator`; faults.
pub async fn delete(tx: &mut AuditedTx, user: &User) -> Result<Option<()>, Failure> {
    let id = user.id;
    if user.role == Role::Admin {
        keep_an_administrator(tx, id).await?;
    }
    let Some(everything) = everything_of(tx, id, Fate::MayBeDeleted).await? else {
        return Ok(None);
    };
    tell(tx, user).await?;
    void_codes_of_address(tx, user).await?;
    for key in login_names::keys_of(tx, id, tx.info().now).await? {
        unlock::forget_account(tx, &key).await?;
    }
    users::delete(tx, id).await?;
    everything.ended(tx, None).await?;
    tx.record(&Event::new(EventKind::UserDeleted).about(id)).await?;
    Ok(Some(()))
}

/// Notifies the owner of the address. The mail row names no user, because it would be deleted with the user.
async fn tell(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let Some(address) = user.verified_email().filter(|_| reaches(tx, user)) else { return Ok(()) };
    let to = EmailAddress::stored(address)?;
    let info = tx.info();
    let chosen = user_language::of(&mut **tx, user.id).await?;
    let locale = chosen.and_then(|tag| Locale::of_tag(&tag));
    let mail = Mail {
        user: None,
        to: &to,
        locale: locale.unwrap_or_else(|| Locale::choose(Some(info.language), None, None)),
        link_hash: None,
        expires_at: info.now + LIFE,
        content: MailContent::AccountDeleted { at: info.now },
    };
    outbox::post(tx, mail).await
}

/// Voids codes that were requested by address and name no user until their mail is sent. The mail is then dropped,
/// because the address has no owner.
async fn void_codes_of_address(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let address = user.verified_email().and_then(|address| EmailAddress::parse(address).ok());
    let Some(address) = address else { return Ok(()) };
    let subject = subject_of_address(&tx.app(), &address);
    codes::void(tx, CodePurpose::Recover, &subject).await.map(drop)
}
