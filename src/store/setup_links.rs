//! One-time links for the first administrator.

use crate::base::Timestamp;
use crate::base::opaque_token::TokenHash;
use crate::domain::outcome::Fault;
use crate::domain::validity::{SETUP_LINK_LIFE, latest_end};
use crate::{execute, fetch_optional};

use super::{Link, Tx, meta};

const CLOSED: &str = "setup_closed";

/// Whether an administrator has ever existed.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_closed(link: &mut impl Link) -> Result<bool, Fault> {
    Ok(meta::get(link, CLOSED).await?.is_some())
}

/// Stores a new link.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_link(
    tx: &mut Tx,
    hash: &TokenHash,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO setup_links (hash, expires_at) VALUES ($1, $2)",
        hash.bytes(),
        expires_at
    )?;
    Ok(())
}

/// Whether the link would be accepted now. Consumes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_open_link(
    link: &mut impl Link,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT expires_at FROM setup_links WHERE hash = $1 AND expires_at > $2 AND expires_at <= $3",
        hash.bytes(),
        now,
        latest_end(SETUP_LINK_LIFE, now)
    )?;
    Ok(row.is_some())
}

/// Closes set-up permanently and voids every link; `false` if it was already closed.
///
/// # Errors
/// When the database cannot be written.
pub async fn close(tx: &mut Tx) -> Result<bool, Fault> {
    let first = meta::put_once(tx, CLOSED, b"1").await?;
    execute!(tx, "DELETE FROM setup_links")?;
    Ok(first)
}

/// Takes the lock under which administrators are counted and changed.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold_administrators(tx: &mut Tx) -> Result<(), Fault> {
    meta::hold(tx, CLOSED).await
}
