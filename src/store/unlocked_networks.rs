//! Networks that an administrator has unlocked, whose counters in the memory of processes are to be cleared.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx, meta};

/// How long a row is kept: every process has read it within seconds.
const KEPT: TimeSpan = TimeSpan::from_days(1);
/// The most networks that one reading clears.
const MOST: i64 = 1_000;

/// Makes every process clear its counters of a network after the commit of `tx`.
///
/// # Errors
/// When the database cannot be written.
pub async fn unlock(tx: &mut Tx, network: &str, now: Timestamp) -> Result<(), Fault> {
    meta::raise_cache_version(tx).await?;
    execute!(
        tx,
        "INSERT INTO unlocked_networks (network, version, unlocked_at) \
         VALUES ($1, (SELECT version FROM cache_version WHERE id = 1), $2) \
         ON CONFLICT (network) DO UPDATE SET version = excluded.version, \
         unlocked_at = excluded.unlocked_at",
        network,
        now
    )?;
    execute!(tx, "DELETE FROM unlocked_networks WHERE unlocked_at < $1", now - KEPT)?;
    Ok(())
}

/// The networks that were unlocked after this cache version.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(link: &mut impl Link, version: i64) -> Result<Vec<String>, Fault> {
    let rows = fetch_all!(
        link,
        (String,),
        "SELECT network FROM unlocked_networks WHERE version > $1 ORDER BY version DESC LIMIT $2",
        version,
        MOST
    )?;
    Ok(rows.into_iter().map(|(network,)| network).collect())
}
