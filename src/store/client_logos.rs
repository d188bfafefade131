//! The logos of clients, stored separately from their settings, which every process keeps in memory.

use crate::base::Timestamp;
use crate::domain::client_logo::ClientLogo;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Stores the logo of a client in place of the previous one.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(
    tx: &mut Tx,
    client_id: &str,
    (logo, bytes): (&ClientLogo, &[u8]),
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO client_logos (client_id, hash, media_type, bytes, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id) DO UPDATE SET hash = excluded.hash, \
         media_type = excluded.media_type, bytes = excluded.bytes, created_at = excluded.created_at",
        client_id,
        &logo.hash,
        logo.media_type.as_str(),
        bytes,
        now
    )
    .map(drop)
}

/// Removes the logo of a client.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, client_id: &str) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM client_logos WHERE client_id = $1", client_id).map(drop)
}

/// The image with this hash. Several clients may have the same.
///
/// # Errors
/// When the database cannot be read.
pub async fn bytes(link: &mut impl Link, hash: &str) -> Result<Option<Vec<u8>>, Fault> {
    let row = fetch_optional!(
        link,
        (Vec<u8>,),
        "SELECT bytes FROM client_logos WHERE hash = $1 ORDER BY client_id LIMIT 1",
        hash
    )?;
    Ok(row.map(|(bytes,)| bytes))
}
