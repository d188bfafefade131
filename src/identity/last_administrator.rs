//! Once there has been an administrator, the server always has an enabled one.
//!
//! Owns the refusal of a deletion, a disabling or a withdrawn role that would leave none. Callers lock
//! `setup_links::hold_administrators`, so that concurrent changes cannot each rely on the administrator that the
//! other removes.

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::user::{Role, User};
use crate::store::{Tx, users};

/// Refuses to leave the server without an enabled administrator.
///
/// # Errors
/// `last_administrator`; faults.
pub async fn keep_an_administrator(tx: &mut Tx, id: UserId) -> Result<(), Failure> {
    let user = users::find(tx, id).await?;
    let counts = user.is_some_and(|user| user.disabled_at.is_none());
    if counts && users::other_administrators(tx, id).await? == 0 {
        return Err(refusal().into());
    }
    Ok(())
}

/// Whether this user is the last enabled administrator. Only a hint, because it takes no lock.
///
/// # Errors
/// Only faults.
pub async fn is_last(app: App, user: User) -> Result<bool, Failure> {
    if user.role != Role::Admin || user.disabled_at.is_some() {
        return Ok(false);
    }
    Ok(users::other_administrators(&mut app.db.reader().await?, user.id).await? == 0)
}

/// The refusal.
#[must_use]
pub fn refusal() -> Refusal {
    let message = "This is the last enabled administrator. Create another one first.";
    Refusal::new(Code::LastAdministrator, message)
}
