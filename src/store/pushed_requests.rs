//! Authorization requests that clients have pushed (RFC 9126).

use crate::base::Timestamp;
use crate::base::opaque_token::TokenHash;
use crate::domain::authorization::PUSHED_REQUEST_LIFE;
use crate::domain::outcome::Fault;
use crate::domain::validity::latest_end;
use crate::{execute, fetch_optional};

use super::{Link, Tx};

/// Stores a request under the hash of its name.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    client_id: &str,
    params: &str,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO pushed_requests (hash, client_id, params, expires_at) VALUES ($1, $2, $3, $4)",
        hash.bytes(),
        client_id,
        params,
        expires_at
    )?;
    Ok(())
}

/// The request that `client_id` has pushed under this name, while it is valid.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    link: &mut impl Link,
    hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT params FROM pushed_requests WHERE hash = $1 AND client_id = $2 AND expires_at > $3 \
         AND expires_at <= $4",
        hash.bytes(),
        client_id,
        now,
        latest_end(PUSHED_REQUEST_LIFE, now)
    )?;
    Ok(row.map(|(params,)| params))
}
