//! Setting the password of a user, for users who cannot receive mail.

use crate::app::App;
use crate::base::id::UserId;
use crate::crypto::password::Lane;
use crate::domain::audit::EventKind;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::identity::notifications::{Notification, notify};
use crate::identity::register::parse_password_of;
use crate::store::passwords;

use super::unlocking;
use super::users::{change, requester, show};

/// A password that an administrator sets.
pub struct NewPassword {
    /// The password as typed.
    pub password: String,
    /// Whether the user may keep it. Otherwise the next sign-in requires a new one, which the administrator does
    /// not know.
    pub permanent: bool,
}

/// Sets a password, ends all sessions of the user and clears the counters of failed attempts.
///
/// # Errors
/// `not_found`; `weak_password`.
pub async fn set_password(
    app: App,
    id: UserId,
    NewPassword { password, permanent }: NewPassword,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let user = show(app.clone(), id).await?;
    // Checked before the slow hash.
    let kind = TargetKind::of_user(user.role);
    info.authority.require_on(Action::SetPassword, [kind]).map_err(Refusal::from)?;
    let password = parse_password_of(&app, "password", &password, &user)?;
    let slot = app.reserve_hash_slot(Lane::Known, requester(&info))?;
    let hash = app.hash_password(slot, password).await?;
    let changed = change(&app, Action::SetPassword, id, &info, async |tx, user| {
        passwords::set_password(tx, id, &hash, !permanent, now).await?;
        unlocking::clear(tx, &user).await?;
        notify(tx, &user, Notification::PasswordChanged).await?;
        Ok(Some((
            EventKind::PasswordResetByAdmin,
            if permanent { "permanent" } else { "must_change" },
        )))
    });
    changed.await.map(drop)
}
