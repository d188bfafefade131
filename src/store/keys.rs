//! Signing keys and refresh keys, sealed.

use crate::base::Timestamp;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::stop::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx, meta};

/// A signing key as stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where it stands.
    pub state: KeyState,
    /// The public JWK, as JSON.
    pub public_jwk: String,
    /// The sealed PKCS#8.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    kid: String,
    alg: String,
    state: String,
    public_jwk: String,
    sealed: Vec<u8>,
    created_at: Timestamp,
}

/// Every signing key, oldest first.
///
/// # Errors
/// When the database cannot be read or holds a key this binary does not understand.
pub async fn signing_keys(link: &mut impl Link) -> Result<Vec<StoredKey>, Fault> {
    let rows = fetch_all!(
        link,
        KeyRow,
        "SELECT kid, alg, state, public_jwk, sealed, created_at FROM signing_keys \
         ORDER BY created_at, kid"
    )?;
    rows.into_iter()
        .map(|row| {
            let unknown = |_| Fault::internal("a signing key of an unknown algorithm or state");
            Ok(StoredKey {
                kid: row.kid,
                alg: row.alg.parse().map_err(unknown)?,
                state: row.state.parse().map_err(unknown)?,
                public_jwk: row.public_jwk,
                sealed: row.sealed,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Stores a signing key.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_signing_key(tx: &mut Tx, key: &StoredKey) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO signing_keys (kid, alg, state, public_jwk, sealed, created_at, state_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        &key.kid,
        key.alg.as_str(),
        key.state.as_str(),
        &key.public_jwk,
        &key.sealed,
        key.created_at
    )?;
    meta::raise_cache_version(tx).await
}

/// The sealed refresh keys with their versions.
///
/// # Errors
/// When the database cannot be read.
pub async fn refresh_keys(link: &mut impl Link) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    fetch_all!(link, (i64, Vec<u8>), "SELECT version, sealed FROM refresh_keys ORDER BY version")
}

/// Stores a refresh key.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_refresh_key(
    tx: &mut Tx,
    version: u16,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO refresh_keys (version, sealed, created_at) VALUES ($1, $2, $3)",
        i64::from(version),
        sealed,
        now
    )?;
    meta::raise_cache_version(tx).await
}
