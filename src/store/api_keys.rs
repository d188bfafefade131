//! API keys of users. Of a key only its hash is stored.

use crate::base::Timestamp;
use crate::base::id::{ApiKeyId, UserId};
use crate::base::opaque_token::TokenHash;
use crate::domain::api_key::ApiKey;
use crate::domain::outcome::Fault;
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::{execute, fetch_all, fetch_optional};

use super::users::UserRow;
use super::{Link, Tx};

/// The most inactive keys of one user that are kept.
const KEPT: i64 = 20;

#[derive(sqlx::FromRow)]
struct KeyRow {
    key_id: ApiKeyId,
    key_user_id: UserId,
    key_name: String,
    audience: String,
    scopes: String,
    networks: String,
    user_epoch: i64,
    key_created_at: Timestamp,
    expires_at: Timestamp,
    last_used_hour: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    #[sqlx(flatten)]
    key: KeyRow,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Fault;
    fn try_from(row: KeyRow) -> Result<Self, Fault> {
        let unreadable = || Fault::internal("an API key that cannot be");
        let networks = row.networks.split_ascii_whitespace().map(str::parse);
        Ok(Self {
            id: row.key_id,
            user_id: row.key_user_id,
            name: row.key_name,
            audience: row.audience,
            scopes: Scopes::parse(&row.scopes).map_err(|_| unreadable())?,
            networks: networks.collect::<Result<_, _>>().map_err(|_| unreadable())?,
            user_epoch: row.user_epoch,
            created_at: row.key_created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_hour,
            revoked_at: row.revoked_at,
        })
    }
}

impl HeldRow {
    fn read(self) -> Result<(ApiKey, User), Fault> {
        Ok((self.key.try_into()?, self.user.try_into()?))
    }
}

/// Stores a key; `false`, without a change, if the user has `most` active keys. Of the inactive ones, the oldest
/// are removed. The caller has locked the user.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, key: &ApiKey, hash: &TokenHash, most: i64) -> Result<bool, Fault> {
    execute!(
        tx,
        "DELETE FROM api_keys WHERE user_id = $1 AND (revoked_at IS NOT NULL OR expires_at <= $2 OR user_epoch <> $3) \
         AND id NOT IN (SELECT id FROM api_keys WHERE user_id = $1 \
         AND (revoked_at IS NOT NULL OR expires_at <= $2 OR user_epoch <> $3) ORDER BY id DESC LIMIT $4)",
        key.user_id,
        key.created_at,
        key.user_epoch,
        KEPT
    )?;
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    let rows = execute!(
        tx,
        "INSERT INTO api_keys (id, user_id, hash, name, audience, scopes, networks, user_epoch, created_at, expires_at) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE (SELECT count(*) FROM api_keys \
         WHERE user_id = $2 AND revoked_at IS NULL AND expires_at > $9 AND user_epoch = $8) < $11",
        key.id,
        key.user_id,
        hash.bytes(),
        &key.name,
        &key.audience,
        key.scopes.to_string(),
        networks.join(" "),
        key.user_epoch,
        key.created_at,
        key.expires_at,
        most
    )?;
    Ok(rows == 1)
}

/// The key with this hash, and its user.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_hash(
    link: &mut impl Link,
    hash: &TokenHash,
) -> Result<Option<(ApiKey, User)>, Fault> {
    fetch_optional!(
        link,
        HeldRow,
        "SELECT k.id AS key_id, k.user_id AS key_user_id, k.name AS key_name, k.audience, k.scopes, k.networks, \
         k.user_epoch, k.created_at AS key_created_at, k.expires_at, k.last_used_hour, k.revoked_at, \
         u.id, u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, \
         u.created_at, u.updated_at, u.must_change_password \
         FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.hash = $1",
        hash.bytes()
    )?
    .map(HeldRow::read)
    .transpose()
}

/// The key with this id, and its user.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_user(
    link: &mut impl Link,
    id: ApiKeyId,
) -> Result<Option<(ApiKey, User)>, Fault> {
    fetch_optional!(
        link,
        HeldRow,
        "SELECT k.id AS key_id, k.user_id AS key_user_id, k.name AS key_name, k.audience, k.scopes, k.networks, \
         k.user_epoch, k.created_at AS key_created_at, k.expires_at, k.last_used_hour, k.revoked_at, \
         u.id, u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, \
         u.created_at, u.updated_at, u.must_change_password \
         FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1",
        id
    )?
    .map(HeldRow::read)
    .transpose()
}

/// All keys of a user, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_user(link: &mut impl Link, user: UserId) -> Result<Vec<ApiKey>, Fault> {
    let rows = fetch_all!(
        link,
        KeyRow,
        "SELECT id AS key_id, user_id AS key_user_id, name AS key_name, audience, scopes, networks, user_epoch, \
         created_at AS key_created_at, expires_at, last_used_hour, revoked_at \
         FROM api_keys WHERE user_id = $1 ORDER BY id DESC",
        user
    )?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Records a use in this hour; `false` if the key was revoked or does not exist. Waits for a concurrent revocation.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_use(tx: &mut Tx, id: ApiKeyId, hour: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE api_keys SET last_used_hour = CASE WHEN last_used_hour > $2 THEN last_used_hour ELSE $2 END \
         WHERE id = $1 AND revoked_at IS NULL",
        id,
        hour
    )?;
    Ok(rows == 1)
}

/// Revokes a key of a user; `false` if it does not exist or was already revoked.
///
/// # Errors
/// When the database cannot be written.
pub async fn revoke(
    tx: &mut Tx,
    user: UserId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
        id,
        user,
        now
    )?;
    Ok(rows == 1)
}

/// The active keys of a user in this epoch that were used at `since` or later.
///
/// # Errors
/// When the database cannot be read.
pub async fn used_since(
    link: &mut impl Link,
    user: UserId,
    epoch: i64,
    since: Timestamp,
) -> Result<Vec<ApiKeyId>, Fault> {
    let rows = fetch_all!(
        link,
        (ApiKeyId,),
        "SELECT id FROM api_keys \
         WHERE user_id = $1 AND user_epoch = $2 AND revoked_at IS NULL AND last_used_hour >= $3",
        user,
        epoch,
        since
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
