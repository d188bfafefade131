//! The password hashes of users.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::Tx;
use super::password_costs::moved;

/// Locks a user's row until the end of `tx`. Returns the current hash; the outer `None` when there is no such user.
async fn hold(tx: &mut Tx, id: UserId) -> Result<Option<Option<String>>, Fault> {
    let row = fetch_optional!(
        tx,
        (Option<String>,),
        "UPDATE users SET session_epoch = session_epoch WHERE id = $1 RETURNING password_hash",
        id
    )?;
    Ok(row.map(|(hash,)| hash))
}

/// Replaces a hash with an old cost, unless the password was changed meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn rehash(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<(), Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3",
        new,
        id,
        old
    )?;
    if rows == 1 { moved(tx, Some(old), Some(new)).await } else { Ok(()) }
}

/// Changes the password and raises the epoch, unless another change raised it since it was read. Returns the new
/// epoch; `None` if there was another change.
///
/// # Errors
/// When the database cannot be written.
pub async fn change_password(
    tx: &mut Tx,
    id: UserId,
    epoch: i64,
    hash: &str,
    now: Timestamp,
) -> Result<Option<i64>, Fault> {
    let Some(old) = hold(tx, id).await? else { return Ok(None) };
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE users SET password_hash = $1, password_changed_at = $2, updated_at = $2, \
         must_change_password = $5, session_epoch = session_epoch + 1 WHERE id = $3 \
         AND session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = $4 AND disabled_at IS NULL \
         RETURNING session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch",
        hash,
        now,
        id,
        epoch,
        false
    )?;
    let Some((epoch,)) = row else { return Ok(None) };
    moved(tx, old.as_deref(), Some(hash)).await?;
    Ok(Some(epoch))
}

/// Sets a password regardless of the old one, and ends all sessions. With `must_change` the user must choose
/// another one at the next sign-in. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_password(
    tx: &mut Tx,
    id: UserId,
    hash: &str,
    must_change: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Some(old) = hold(tx, id).await? else { return Ok(false) };
    execute!(
        tx,
        "UPDATE users SET password_hash = $1, password_changed_at = $2, updated_at = $2, \
         session_epoch = session_epoch + 1, must_change_password = $4 WHERE id = $3",
        hash,
        now,
        id,
        must_change
    )?;
    moved(tx, old.as_deref(), Some(hash)).await?;
    Ok(true)
}
