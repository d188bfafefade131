//! Second factors.

use crate::base::Timestamp;
use crate::base::id::{FactorId, UserId};
use crate::domain::factor::Factor;
use crate::domain::outcome::Fault;
use crate::domain::totp::TimeStep;
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// A stored step this far ahead was used before the clock was set back: codes that are accepted at the same time are
/// at most two steps apart.
const AHEAD: i64 = 3;

/// A second factor as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFactor {
    /// The factor as its user sees it.
    pub factor: Factor,
    /// The sealed secret of a TOTP factor.
    pub sealed: Option<Vec<u8>>,
}

/// The sealed secret of a factor, and the ids that its seal is bound to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SealedFactor {
    /// The factor.
    pub id: FactorId,
    /// Its user.
    pub user_id: UserId,
    /// The sealed secret.
    pub sealed: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct FactorRow {
    id: FactorId,
    kind: String,
    name: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    sealed: Option<Vec<u8>>,
}

/// The factors of a user, oldest first.
///
/// # Errors
/// When the database cannot be read or contains a factor that this binary does not know.
pub async fn of_user(link: &mut impl Link, user: UserId) -> Result<Vec<StoredFactor>, Fault> {
    let rows = fetch_all!(
        link,
        FactorRow,
        "SELECT id, kind, name, created_at, last_used_at, sealed FROM factors WHERE user_id = $1 \
         ORDER BY created_at, id",
        user
    )?;
    let read = |row: FactorRow| {
        let unknown = |_| Fault::internal("a factor of an unknown kind");
        let FactorRow { id, name, created_at, last_used_at, sealed, .. } = row;
        let kind = row.kind.parse().map_err(unknown)?;
        Ok(StoredFactor { factor: Factor { id, kind, name, created_at, last_used_at }, sealed })
    };
    rows.into_iter().map(read).collect()
}

/// Stores a factor, whose code of `step` was right. False, without a change, when it is already stored, or the user
/// has `most` of its kind. The caller has locked the user's row, so that two concurrent calls do not both find
/// room.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    StoredFactor { factor, sealed }: &StoredFactor,
    step: Option<TimeStep>,
    most: i64,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO factors (id, user_id, kind, name, created_at, last_used_at, sealed, last_step) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
         WHERE (SELECT count(*) FROM factors WHERE user_id = $2 AND kind = $3) < $9 \
         ON CONFLICT (id) DO NOTHING",
        factor.id,
        user,
        factor.kind.as_str(),
        &factor.name,
        factor.created_at,
        factor.last_used_at,
        sealed.as_deref(),
        step.map(TimeStep::number),
        most
    )?;
    Ok(rows == 1)
}

/// Consumes the code of `step`. False when a code of this or a later step was used before. A step in the future,
/// from before the clock was set back, is ignored, because it would lock the user out until then.
///
/// # Errors
/// When the database cannot be written.
pub async fn use_step(
    tx: &mut Tx,
    id: FactorId,
    step: TimeStep,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE factors SET last_step = $1, last_used_at = $2 \
         WHERE id = $3 AND (last_step IS NULL OR last_step < $1 OR last_step > $4)",
        step.number(),
        now,
        id,
        step.number() + AHEAD
    )?;
    Ok(rows == 1)
}

/// Renames a factor of a user. False when the user has no such factor.
///
/// # Errors
/// When the database cannot be written.
pub async fn rename(tx: &mut Tx, user: UserId, id: FactorId, name: &str) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE factors SET name = $1 WHERE id = $2 AND user_id = $3",
        name,
        id,
        user
    )?;
    Ok(rows == 1)
}

/// Removes a factor of a user. False when the user has no such factor.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, user: UserId, id: FactorId) -> Result<bool, Fault> {
    let rows = execute!(tx, "DELETE FROM factors WHERE id = $1 AND user_id = $2", id, user)?;
    Ok(rows == 1)
}

/// Removes all factors of a user. Returns their number.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete_all(tx: &mut Tx, user: UserId) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM factors WHERE user_id = $1", user)
}

/// Requires a second factor of a user from now on, if it was not required before.
///
/// # Errors
/// When the database cannot be written.
pub async fn require_second(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE users SET second_factor_since = coalesce(second_factor_since, $1) WHERE id = $2",
        now,
        user
    )?;
    Ok(())
}

/// Requires only the password of a user from now on.
///
/// # Errors
/// When the database cannot be written.
pub async fn require_no_second(tx: &mut Tx, user: UserId) -> Result<(), Fault> {
    execute!(tx, "UPDATE users SET second_factor_since = NULL WHERE id = $1", user)?;
    Ok(())
}

/// Every sealed secret, to be sealed under another key.
///
/// # Errors
/// When the database cannot be read.
pub async fn all_sealed(link: &mut impl Link) -> Result<Vec<SealedFactor>, Fault> {
    fetch_all!(
        link,
        SealedFactor,
        "SELECT id, user_id, sealed FROM factors WHERE sealed IS NOT NULL ORDER BY id"
    )
}

/// Replaces the sealed form of the same secret.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal(tx: &mut Tx, id: FactorId, sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE factors SET sealed = $1 WHERE id = $2", sealed, id)?;
    Ok(())
}
