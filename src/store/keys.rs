//! Signing keys and refresh keys, sealed.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::key_rotation::KeyFacts;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::KeyState;
use crate::{execute, fetch_all};

use super::{Link, Tx, meta};

/// A signing key as stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// Its facts.
    pub facts: KeyFacts,
    /// The public JWK, as JSON.
    pub public_jwk: String,
    /// The sealed PKCS#8.
    pub sealed: Vec<u8>,
    /// When it was created.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    kid: String,
    alg: String,
    state: String,
    state_at: Timestamp,
    published_at: Timestamp,
    activated_at: Option<Timestamp>,
    signs_at: Option<Timestamp>,
    longest_ttl: i64,
    public_jwk: String,
    sealed: Vec<u8>,
    created_at: Timestamp,
}

/// The retired keys that may have signed tokens which have not expired at `now`, with `leeway` for clock skew: they
/// were withdrawn in an emergency.
///
/// # Errors
/// When the database cannot be read.
pub async fn withdrawn(
    link: &mut impl Link,
    now: Timestamp,
    leeway: TimeSpan,
) -> Result<Vec<String>, Fault> {
    let rows: Vec<(String,)> = fetch_all!(
        link,
        (String,),
        "SELECT kid FROM signing_keys WHERE state = 'retired' AND activated_at IS NOT NULL \
         AND state_at + longest_ttl > $1 ORDER BY kid",
        now - leeway
    )?;
    Ok(rows.into_iter().map(|(kid,)| kid).collect())
}

/// Every signing key, oldest first.
///
/// # Errors
/// When the database cannot be read or contains a key that this binary does not support.
pub async fn signing_keys(link: &mut impl Link) -> Result<Vec<StoredKey>, Fault> {
    let rows = fetch_all!(
        link,
        KeyRow,
        "SELECT kid, alg, state, state_at, published_at, activated_at, signs_at, longest_ttl, \
         public_jwk, sealed, created_at FROM signing_keys ORDER BY created_at, kid"
    )?;
    rows.into_iter()
        .map(|row| {
            let unknown = |_| Fault::internal("a signing key of an unknown algorithm or state");
            Ok(StoredKey {
                facts: KeyFacts {
                    kid: row.kid,
                    alg: row.alg.parse().map_err(unknown)?,
                    state: row.state.parse().map_err(unknown)?,
                    since: row.state_at,
                    published_at: row.published_at,
                    activated_at: row.activated_at,
                    signs_at: row.signs_at,
                    longest_ttl: TimeSpan::from_millis(row.longest_ttl),
                },
                public_jwk: row.public_jwk,
                sealed: row.sealed,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Stores a signing key. False, without a change, when its `kid` exists, or another key of its algorithm is active
/// or published.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_signing_key(tx: &mut Tx, key: &StoredKey) -> Result<bool, Fault> {
    let facts = &key.facts;
    let rows = execute!(
        tx,
        "INSERT INTO signing_keys (kid, alg, state, state_at, published_at, activated_at, \
         signs_at, longest_ttl, public_jwk, sealed, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        &facts.kid,
        facts.alg.as_str(),
        facts.state.as_str(),
        facts.since,
        facts.published_at,
        facts.activated_at,
        facts.signs_at,
        facts.longest_ttl.millis(),
        &key.public_jwk,
        &key.sealed,
        key.created_at
    )?;
    if rows == 1 {
        meta::raise_cache_version(tx).await?;
    }
    Ok(rows == 1)
}

/// Moves a key from one state to the next. False, without a change, when it is not in that state (any more),
/// because another process was first.
///
/// # Errors
/// When the database cannot be written.
pub async fn advance(
    tx: &mut Tx,
    kid: &str,
    from: KeyState,
    to: KeyState,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE signing_keys SET state = $1, state_at = $2, \
         activated_at = CASE WHEN $3 THEN $2 ELSE activated_at END \
         WHERE kid = $4 AND state = $5",
        to.as_str(),
        now,
        to == KeyState::Active,
        kid,
        from.as_str()
    )?;
    if rows == 1 {
        meta::raise_cache_version(tx).await?;
    }
    Ok(rows == 1)
}

/// Schedules the activation of a published key at `at`. An earlier schedule stays. False when the key is not
/// published (any more).
///
/// # Errors
/// When the database cannot be written.
pub async fn order(tx: &mut Tx, kid: &str, at: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE signing_keys SET signs_at = coalesce(signs_at, $1) \
         WHERE kid = $2 AND state = 'published'",
        at,
        kid
    )?;
    if rows == 1 {
        meta::raise_cache_version(tx).await?;
    }
    Ok(rows == 1)
}

/// Records that tokens of this lifetime may be signed from now on, so that no key is removed before they have
/// expired.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_ttl(tx: &mut Tx, ttl: TimeSpan) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE signing_keys SET longest_ttl = $1 \
         WHERE longest_ttl < $1 AND state IN ('active', 'published')",
        ttl.millis()
    )?;
    Ok(())
}

/// The sealed refresh keys with their versions.
///
/// # Errors
/// When the database cannot be read.
pub async fn refresh_keys(link: &mut impl Link) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    fetch_all!(link, (i64, Vec<u8>), "SELECT version, sealed FROM refresh_keys ORDER BY version")
}

/// Removes the refresh keys before `version`, so that tokens under them are refused.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_refresh_keys_before(tx: &mut Tx, version: u16) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM refresh_keys WHERE version < $1", i64::from(version))
}

/// Replaces the sealed form of the same key.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal_signing_key(tx: &mut Tx, kid: &str, sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE signing_keys SET sealed = $1 WHERE kid = $2", sealed, kid)?;
    Ok(())
}

/// The same for a refresh key.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal_refresh_key(tx: &mut Tx, version: i64, sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE refresh_keys SET sealed = $1 WHERE version = $2", sealed, version)?;
    Ok(())
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
