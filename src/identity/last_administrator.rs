//! A server always has an enabled administrator, once there was one.
//!
//! Owns the refusal of a change that would leave none: of a deletion, a disabled user or a lost role. Callers hold
//! `setup_links::hold_administrators`, so that two changes at once do not each count on the administrator that the other
//! takes away.

use crate::base::id::UserId;
use crate::domain::outcome::{Code, Failure, Refusal};
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

/// The refusal.
#[must_use]
pub fn refusal() -> Refusal {
    let message = "This is the last enabled administrator. Make another one first.";
    Refusal::new(Code::LastAdministrator, message)
}
