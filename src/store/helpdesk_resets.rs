//! When the helpdesk last reset the password or the second factors of a user.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::helpdesk::Reset;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// When the helpdesk last made a reset of this kind for a user.
///
/// # Errors
/// When the database cannot be read.
pub async fn last(
    link: &mut impl Link,
    user: UserId,
    what: Reset,
) -> Result<Option<Timestamp>, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT at FROM helpdesk_resets WHERE user_id = $1 AND what = $2",
        user,
        what.as_str()
    )?;
    Ok(row.map(|(at,)| at))
}

/// Records a reset by the helpdesk.
///
/// # Errors
/// When the database cannot be written.
pub async fn note(tx: &mut Tx, user: UserId, what: Reset, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO helpdesk_resets (user_id, what, at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, what) DO UPDATE SET at = excluded.at",
        user,
        what.as_str(),
        now
    )?;
    Ok(())
}
