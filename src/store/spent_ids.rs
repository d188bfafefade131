//! Ids that count once: of assertions and proofs that came, of tokens that were revoked.

use crate::base::Timestamp;
use crate::base::opaque_token::TokenHash;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Spends an id until `expires_at`. False when it was spent before.
///
/// # Errors
/// When the database cannot be written.
pub async fn spend(tx: &mut Tx, id: &TokenHash, expires_at: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO spent_ids (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
        id.bytes(),
        expires_at
    )?;
    Ok(rows == 1)
}

/// Whether an id was spent.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_spent(link: &mut impl Link, id: &TokenHash) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT expires_at FROM spent_ids WHERE hash = $1",
        id.bytes()
    )?;
    Ok(row.is_some())
}
