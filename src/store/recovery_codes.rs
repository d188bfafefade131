//! Recovery codes that were not used yet, as MACs.

use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Replaces the codes of a user.
///
/// # Errors
/// When the database cannot be written.
pub async fn replace(tx: &mut Tx, user: UserId, macs: &[Vec<u8>]) -> Result<(), Fault> {
    delete_all(tx, user).await?;
    for mac in macs {
        execute!(tx, "INSERT INTO recovery_codes (user_id, mac) VALUES ($1, $2)", user, mac)?;
    }
    Ok(())
}

/// Consumes a code. False when the user has no such code (any more).
///
/// # Errors
/// When the database cannot be written.
pub async fn spend(tx: &mut Tx, user: UserId, mac: &[u8]) -> Result<bool, Fault> {
    let rows =
        execute!(tx, "DELETE FROM recovery_codes WHERE user_id = $1 AND mac = $2", user, mac)?;
    Ok(rows == 1)
}

/// Whether a user has a code that was not used yet.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_unused(link: &mut impl Link, user: UserId, mac: &[u8]) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND mac = $2",
        user,
        mac
    )?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// The number of unused codes of a user.
///
/// # Errors
/// When the database cannot be read.
pub async fn left(link: &mut impl Link, user: UserId) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM recovery_codes WHERE user_id = $1",
        user
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Removes all codes of a user.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete_all(tx: &mut Tx, user: UserId) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM recovery_codes WHERE user_id = $1", user)?;
    Ok(())
}
