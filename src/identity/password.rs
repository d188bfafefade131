//! Changing the user's own password.

use super::logout_notices::{Fate, everything_of};
use crate::app::{App, AuditedTx};
use crate::base::id::{BrowserId, SessionId};
use crate::base::opaque_token::TokenHash;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::{browser_sessions, passwords, sessions, users};

use super::admission::Admission;
use super::authenticate::{Attempted, judge, turned_away};
use super::bearer::invalid_token;
use super::lockout;
use super::notifications::{Notification, notify};
use super::register::parse_password_of;

/// The session or sign-in that stays active when all others of a user end.
#[derive(Debug, Clone, Copy)]
pub enum Keep {
    /// A session at `/v1`.
    Session(SessionId),
    /// A log-in at the pages.
    Browser(BrowserId),
}

/// A change of password by its user.
pub struct PasswordChange {
    /// The current password, typed again.
    pub current: Password,
    /// The new password as typed.
    pub new: String,
    /// The session or sign-in that stays active.
    pub keep: Keep,
    /// The stored hash of its new cookie, if it has one, so that an attacker with the previous cookie is signed out
    /// as well.
    pub cookie: Option<TokenHash>,
}

/// Changes the password if the current one is right. All other sessions of the user end.
///
/// # Errors
/// Refused when the current password is wrong or the new one is not accepted.
pub async fn change(
    app: App,
    user: User,
    change: PasswordChange,
    info: RequestInfo,
) -> Result<(), Failure> {
    let PasswordChange { current, new, keep, cookie } = change;
    let now = info.now;
    let login = user.login_name()?;
    let new = parse_password_of(&app, "new_password", &new, &user)?;
    // Both slots are reserved before the attempt is counted.
    let admission = Admission::authenticated(user.id);
    let mut slots = vec![admission.reserve(&app)?, admission.reserve(&app)?];
    // An attacker with an access token must not be able to guess the password with it.
    let counted = lockout::count(&app, login.key(), &info, &mut slots).await?;
    let mut slot = || slots.pop().map_or_else(|| admission.reserve(&app), Ok);
    let (first, second) = match slot().and_then(|first| Ok((first, slot()?))) {
        Ok(both) => both,
        Err(refusal) => return Err(turned_away(&app, counted, refusal).await),
    };
    let credential = {
        let mut reader = app.db.reader().await?;
        users::credential_of(&mut reader, user.id).await?.ok_or_else(invalid_token)?
    };
    let epoch = credential.user.session_epoch;
    let attempted = Attempted {
        key: login.key(),
        credential: Some(&credential),
        counted,
        place: Some(match keep {
            Keep::Session(_) => "password",
            Keep::Browser(_) => "account",
        }),
    };
    let is_unchanged = new.is(&current);
    let right = judge(&app, first, attempted, current, &info).await.map_err(current_is_wrong)?;
    if is_unchanged {
        let refused = async |tx: &mut AuditedTx| {
            right.refused(tx, &user, "unchanged").await?;
            Err(unchanged().into())
        };
        return app.transaction(&info, refused).await;
    }
    let hash = match app.hash_password(second, new).await {
        Ok(hash) => hash,
        Err(why) => {
            app.transaction(&info, async |tx| Ok(right.refused(tx, &user, "unavailable").await?))
                .await?;
            return Err(why.into());
        }
    };

    app.transaction(&info, async |tx| {
        // Guarded by the epoch that was read with the old hash: of two concurrent changes one succeeds.
        let Some(everything) = everything_of(tx, user.id, Fate::Stays).await? else {
            right.refused(tx, &user, "account_changed").await?;
            return Err(invalid_token().into());
        };
        let Some(new_epoch) = passwords::change_password(tx, user.id, epoch, &hash, now).await?
        else {
            right.refused(tx, &user, "account_changed").await?;
            return Err(invalid_token().into());
        };
        let mut kept = None;
        match keep {
            Keep::Session(id) => {
                sessions::carry_over(tx, id, user.id, epoch, new_epoch).await?;
                kept = Some(id);
            }
            Keep::Browser(id) => {
                let epochs = (epoch, new_epoch);
                browser_sessions::carry_over(tx, id, epochs, cookie.as_ref()).await?;
            }
        }
        everything.ended(tx, kept).await?;
        notify(tx, &user, Notification::PasswordChanged).await?;
        let event = Event::new(EventKind::PasswordChanged).about(user.id);
        Ok(right.settle(tx, &user, &event).await?)
    })
    .await
}

/// The refusal of a new password that equals the current one.
#[must_use]
pub(super) fn unchanged() -> Refusal {
    let message = "This is your current password. Choose another one.";
    let fields = vec![FieldError { field: "new_password", code: "unchanged", message }];
    Refusal { fields, ..Refusal::new(Code::WeakPassword, "This password is not allowed.") }
}

/// The refusal of a wrong password, for the field of the form.
fn current_is_wrong(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) if refusal.code == Code::InvalidCredentials => {
            let message = "This is not the current password.";
            let fields = vec![FieldError { field: "current_password", code: "wrong", message }];
            Refusal { fields, ..refusal }.into()
        }
        other => other,
    }
}
