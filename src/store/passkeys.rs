//! Passkeys: the factors that are WebAuthn credentials.

use crate::base::Timestamp;
use crate::base::id::{FactorId, UserId};
use crate::domain::factor::{Factor, FactorKind};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// A credential to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// The factor as its user sees it.
    pub factor: Factor,
    /// The id of the credential.
    pub credential_id: Vec<u8>,
    /// The public key, in COSE.
    pub public_key: Vec<u8>,
    /// The signature counter.
    pub sign_count: u32,
    /// The model of its authenticator.
    pub aaguid: [u8; 16],
    /// How a browser reaches the authenticator, separated by spaces.
    pub transports: String,
    /// Whether it can be on several devices.
    pub backup_eligible: bool,
    /// Whether it is backed up at present.
    pub backed_up: bool,
}

/// The data for checking an assertion.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredPasskey {
    /// The factor.
    pub id: FactorId,
    /// Its user.
    pub user_id: UserId,
    /// The public key, in COSE.
    pub public_key: Vec<u8>,
    /// Whether it can be on several devices.
    pub backup_eligible: bool,
}

/// A credential as options name it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CredentialDescriptor {
    /// The id of the credential.
    pub credential_id: Vec<u8>,
    /// How a browser reaches the authenticator, separated by spaces.
    pub transports: String,
}

/// Stores a passkey.
///
/// False, without a change, when the credential is already stored for any user, or the user has `most` passkeys.
/// The caller has locked the user's row, so that two concurrent calls do not both find room.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    passkey: &NewPasskey,
    most: i64,
) -> Result<bool, Fault> {
    let factor = &passkey.factor;
    let rows = execute!(
        tx,
        "INSERT INTO factors (id, user_id, kind, name, created_at, last_used_at, credential_id, public_key, \
         sign_count, aaguid, transports, backup_eligible, backed_up) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 \
         WHERE (SELECT count(*) FROM factors WHERE user_id = $2 AND kind = $3) < $14 \
         ON CONFLICT (credential_id) DO NOTHING",
        factor.id,
        user,
        FactorKind::Passkey.as_str(),
        &factor.name,
        factor.created_at,
        factor.last_used_at,
        &passkey.credential_id,
        &passkey.public_key,
        i64::from(passkey.sign_count),
        &passkey.aaguid[..],
        &passkey.transports,
        passkey.backup_eligible,
        passkey.backed_up,
        most
    )?;
    Ok(rows == 1)
}

/// The passkey with this credential id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    link: &mut impl Link,
    credential_id: &[u8],
) -> Result<Option<StoredPasskey>, Fault> {
    fetch_optional!(
        link,
        StoredPasskey,
        "SELECT id, user_id, public_key, backup_eligible FROM factors WHERE credential_id = $1",
        credential_id
    )
}

/// The credentials of a user, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_user(
    link: &mut impl Link,
    user: UserId,
) -> Result<Vec<CredentialDescriptor>, Fault> {
    fetch_all!(
        link,
        CredentialDescriptor,
        "SELECT credential_id, transports FROM factors WHERE user_id = $1 AND credential_id IS NOT NULL \
         ORDER BY created_at, id",
        user
    )
}

/// Records the use of a passkey. False, without a change, when its counter did not increase, unless it stays 0
/// because the authenticator has none (WebAuthn §6.1.1).
///
/// # Errors
/// When the database cannot be written.
pub async fn count_use(
    tx: &mut Tx,
    id: FactorId,
    sign_count: u32,
    backed_up: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE factors SET sign_count = $1, backed_up = $2, last_used_at = $3 \
         WHERE id = $4 AND (sign_count < $1 OR ($1 = 0 AND sign_count = 0))",
        i64::from(sign_count),
        backed_up,
        now,
        id
    )?;
    Ok(rows == 1)
}

/// Records a use whose counter did not increase. The stored counter stays the highest one.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_use(
    tx: &mut Tx,
    id: FactorId,
    backed_up: bool,
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE factors SET backed_up = $1, last_used_at = $2 WHERE id = $3",
        backed_up,
        now,
        id
    )?;
    Ok(())
}
