//! Changing one's own password.

use super::logout_notices::{Fate, everything_of};
use crate::app::App;
use crate::base::id::{BrowserId, SessionId};
use crate::crypto::password::Lane;
use crate::domain::audit::{Event, EventKind};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Failure, Fault, FieldError, Refusal};
use crate::domain::password::{Password, Verdict, decide};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::{browser_sessions, sessions, users};

use super::authenticate::{account, invalid_credentials, unhashed};
use super::bearer::invalid_token;
use super::lockout;
use super::register::parse_password;

/// What goes on when everything else of a user ends.
#[derive(Debug, Clone, Copy)]
pub enum Keep {
    /// A session at `/v1`.
    Session(SessionId),
    /// A log-in at the pages.
    Browser(BrowserId),
}

/// A change of password, as the user asks for it.
pub struct PasswordChange {
    /// The current password, typed again.
    pub current: Password,
    /// The new password as typed.
    pub new: String,
    /// What goes on.
    pub keep: Keep,
}

/// Changes the password if the current one is right. Everything else of the user ends, what the
/// change was made in goes on.
///
/// # Errors
/// Refused when the current password is wrong or the new one not acceptable.
pub async fn change(
    app: App,
    user: User,
    change: PasswordChange,
    info: RequestInfo,
) -> Result<(), Failure> {
    let PasswordChange { current, new, keep } = change;
    let now = info.now;
    let unreadable = |_| Fault::internal("a stored login that is none");
    let login = LoginName::parse(&user.login).map_err(unreadable)?;
    let new = parse_password("new_password", &new, &login)?;
    // Both places before anything is counted; he has proved who he is.
    let place = || app.reserve_hash_slot(Lane::Known, info.address());
    let (first, second) = (place()?, place()?);
    // Whoever found an access token must not be able to guess the password with it.
    let counted = lockout::count(&app, login.key(), info.address(), now).await?;
    let credential = {
        let mut reader = app.db.reader().await?;
        users::credential_of(&mut reader, user.id).await?.ok_or_else(invalid_token)?
    };
    let epoch = credential.user.session_epoch;
    let stored = credential.password_hash.clone();
    let verified = match app.verify_password(first, current, stored).await {
        Ok(verified) => verified,
        Err(why) => return Err(unhashed(&app, counted, why).await),
    };
    if decide(Some(account(&credential)), verified.check, false) == Verdict::Refuse {
        let message = "This is not the current password.";
        let fields = vec![FieldError { field: "current_password", code: "wrong", message }];
        return Err(Refusal { fields, ..invalid_credentials() }.into());
    }
    let hash = app.hash_password(second, new).await?;

    app.transaction(&info, async |tx| {
        counted.forgive(&app, tx, now).await?;
        // Guarded by the epoch that was read with the old hash: of two changes at once one wins.
        let user = user.id;
        let everything = everything_of(tx, user, Fate::Stays).await?.ok_or_else(invalid_token)?;
        let Some(new_epoch) = users::change_password(tx, user, epoch, &hash, now).await? else {
            return Err(invalid_token().into());
        };
        let mut kept = None;
        match keep {
            Keep::Session(id) => {
                sessions::carry_over(tx, id, user, epoch, new_epoch).await?;
                kept = Some(id);
            }
            Keep::Browser(id) => {
                browser_sessions::carry_over(tx, id, epoch, new_epoch).await?;
            }
        }
        everything.ended(tx, kept).await?;
        tx.record(&Event::new(EventKind::PasswordChanged).about(user)).await?;
        Ok(())
    })
    .await?;
    counted.forgive_address(&app, now);
    Ok(())
}
