//! The language of mail to a user.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// The tag of the language that a user has chosen, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn of(link: &mut impl Link, user: UserId) -> Result<Option<String>, Fault> {
    let row =
        fetch_optional!(link, (Option<String>,), "SELECT language FROM users WHERE id = $1", user)?;
    Ok(row.and_then(|(language,)| language))
}

/// Stores the choice, or none. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(
    tx: &mut Tx,
    user: UserId,
    language: Option<&str>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET language = $1, updated_at = $2 WHERE id = $3",
        language,
        now,
        user
    )?;
    Ok(rows == 1)
}
