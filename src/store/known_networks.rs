//! The known networks of accounts, and the standing that networks get from accounts.
//!
//! Rows are named by pseudonyms (keyed hashes), so the table reveals no login names or addresses.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Whether the account has logged in from this network within `length`. A log-in in the future was recorded by a
/// clock that was ahead and is ignored.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_known(
    link: &mut impl Link,
    pseudonym: &[u8],
    length: TimeSpan,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT seen_at FROM known_networks WHERE pseudonym = $1 AND seen_at > $2 \
         AND seen_at <= $3",
        pseudonym,
        now - length,
        now + AHEAD
    )?;
    Ok(row.is_some())
}

/// How far the clock of another process may be ahead.
pub const AHEAD: TimeSpan = TimeSpan::from_days(1);

/// A network that an account logged in from.
#[derive(Debug, Clone, Copy)]
pub struct KnownNetwork<'a> {
    /// The pseudonym of account and network together.
    pub pseudonym: &'a [u8],
    /// The pseudonym of the network, which gets standing from the account.
    pub network: &'a [u8],
    /// The pseudonym of the account.
    pub account: &'a [u8],
}

/// Records that an account logged in from a network, and that the network gets standing from it. Written at
/// most once in `every`; returns whether it was written.
///
/// # Errors
/// When the database cannot be written.
pub async fn remember(
    tx: &mut Tx,
    seen: KnownNetwork<'_>,
    every: TimeSpan,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO known_networks (pseudonym, seen_at, network, account) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (pseudonym) DO UPDATE SET \
         seen_at = $2, network = $3, account = $4 WHERE known_networks.seen_at < $5 \
         OR known_networks.seen_at > $6 OR known_networks.network IS NULL",
        seen.pseudonym,
        now,
        seen.network,
        seen.account,
        now - every,
        now + AHEAD
    )?;
    Ok(rows == 1)
}

/// Whether the account has logged in since `since` from another network than that of `pseudonym`, among those
/// that get standing from it.
///
/// # Errors
/// When the database cannot be read.
pub async fn knows_another(
    link: &mut impl Link,
    account: &[u8],
    pseudonym: &[u8],
    since: Timestamp,
) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM known_networks WHERE account = $1 AND network IS NOT NULL \
         AND seen_at > $2 AND pseudonym <> $3",
        account,
        since,
        pseudonym
    )?;
    Ok(row.is_some_and(|(others,)| others > 0))
}

/// Restricts the standing that an account gives to the `most` networks from which it last logged in.
///
/// # Errors
/// When the database cannot be written.
pub async fn lend_to_latest(tx: &mut Tx, account: &[u8], most: i64) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE known_networks SET network = NULL WHERE account = $1 AND network IS NOT NULL \
         AND pseudonym NOT IN (SELECT pseudonym FROM known_networks \
         WHERE account = $1 AND network IS NOT NULL ORDER BY seen_at DESC, pseudonym DESC LIMIT $2)",
        account,
        most
    )?;
    Ok(())
}

/// Removes the networks that get standing from an account, so that none of them is known to a later account of the
/// same name. Older ones expire.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(tx: &mut Tx, account: &[u8]) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM known_networks WHERE account = $1 AND network IS NOT NULL", account)?;
    Ok(())
}

/// The number of accounts from which a network gets standing, by a log-in within `length`; counted up to `most`.
///
/// # Errors
/// When the database cannot be read.
pub async fn standing(
    link: &mut impl Link,
    network: &[u8],
    length: TimeSpan,
    most: i64,
    now: Timestamp,
) -> Result<u32, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT pseudonym FROM known_networks \
         WHERE network = $1 AND seen_at > $2 AND seen_at <= $3 \
         ORDER BY seen_at DESC, pseudonym DESC LIMIT $4) AS lenders",
        network,
        now - length,
        now + AHEAD,
        most
    )?;
    Ok(row.and_then(|(count,)| u32::try_from(count).ok()).unwrap_or(0))
}
