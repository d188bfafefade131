//! Counters of failed log-ins, and the networks accounts are known to log in from.
//!
//! Rows are named by pseudonyms (keyed hashes), made elsewhere: the table tells nobody's login.

use crate::base::Timestamp;
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::Limit;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Counts one try, or says when the window ends. Counting comes before the password is checked, so
/// that a burst of parallel guesses cannot slip through between the check and the count; whoever
/// turns out to be right gets his try back with [`forgive`].
///
/// # Errors
/// When the database cannot be written.
pub async fn count_try(
    tx: &mut Tx,
    pseudonym: &[u8],
    limit: Limit,
    now: Timestamp,
) -> Result<Result<(), Timestamp>, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO login_limits (pseudonym, tries, ends_at) VALUES ($1, 1, $2) \
         ON CONFLICT (pseudonym) DO UPDATE SET \
         tries = CASE WHEN login_limits.ends_at <= $3 THEN 1 ELSE login_limits.tries + 1 END, \
         ends_at = CASE WHEN login_limits.ends_at <= $3 THEN $2 ELSE login_limits.ends_at END \
         WHERE login_limits.ends_at <= $3 OR login_limits.tries < $4",
        pseudonym,
        now + limit.window,
        now,
        limit.tries
    )?;
    if rows == 1 {
        return Ok(Ok(()));
    }
    let row = fetch_optional!(
        tx,
        (Timestamp,),
        "SELECT ends_at FROM login_limits WHERE pseudonym = $1",
        pseudonym
    )?;
    Ok(Err(row.map_or(now, |(ends_at,)| ends_at)))
}

/// Forgets the tries counted under `pseudonym`: the right password was given.
///
/// # Errors
/// When the database cannot be written.
pub async fn forgive(tx: &mut Tx, pseudonym: &[u8]) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM login_limits WHERE pseudonym = $1", pseudonym)?;
    Ok(())
}

/// Takes back one try counted under `pseudonym`.
///
/// # Errors
/// When the database cannot be written.
pub async fn give_back(tx: &mut Tx, pseudonym: &[u8]) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE login_limits SET tries = tries - 1 WHERE pseudonym = $1 AND tries > 0",
        pseudonym
    )?;
    Ok(())
}

/// Whether the account has logged in from this network since `since`.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_known_network(
    link: &mut impl Link,
    pseudonym: &[u8],
    since: Timestamp,
) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT seen_at FROM known_networks WHERE pseudonym = $1 AND seen_at > $2",
        pseudonym,
        since
    )?;
    Ok(row.is_some())
}

/// Remembers that the account logged in from this network. Written at most once a day.
///
/// # Errors
/// When the database cannot be written.
pub async fn remember_network(
    tx: &mut Tx,
    pseudonym: &[u8],
    now: Timestamp,
    yesterday: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO known_networks (pseudonym, seen_at) VALUES ($1, $2) \
         ON CONFLICT (pseudonym) DO UPDATE SET seen_at = $2 WHERE known_networks.seen_at < $3",
        pseudonym,
        now,
        yesterday
    )?;
    Ok(())
}
