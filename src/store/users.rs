//! Users and their credentials.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::attributes::{Attributes, Subject};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::user::{Role, User};
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::{StoredSubject, column};
use super::login_names::{free_skeleton, is_reserved, take_skeleton};
use super::password_costs::moved;
use super::{Link, Tx, user_words};

/// The stored data for a log-in.
pub struct Credential {
    /// The user; the epoch in it was read together with the hash.
    pub user: User,
    /// The PHC string; `None` for a user without a password.
    pub password_hash: Option<String>,
    /// Since when the account requires a second factor; `None` if it does not.
    pub second_factor_since: Option<Timestamp>,
    /// Whether the user has a TOTP secret.
    pub has_totp: bool,
    /// Whether the user has a passkey.
    pub has_passkey: bool,
    /// Whether the user has unused recovery codes.
    pub has_recovery_codes: bool,
}

/// A user that is to be created.
pub struct NewUser<'a> {
    /// The id.
    pub id: UserId,
    /// The login, parsed.
    pub login: &'a LoginName,
    /// The display name.
    pub name: Option<&'a str>,
    /// The role.
    pub role: Role,
    /// The user's attributes.
    pub attributes: &'a Attributes,
    /// The PHC string.
    pub password_hash: Option<&'a str>,
}

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: UserId,
    pub(super) login: String,
    pub(super) name: Option<String>,
    #[sqlx(flatten)]
    pub(super) subject: StoredSubject,
    session_epoch: i64,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    must_change_password: bool,
}

#[derive(sqlx::FromRow)]
struct CredentialRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: Option<String>,
    second_factor_since: Option<Timestamp>,
    has_totp: bool,
    has_passkey: bool,
    has_recovery_codes: bool,
}

impl TryFrom<UserRow> for User {
    type Error = Fault;
    fn try_from(row: UserRow) -> Result<Self, Fault> {
        let Subject { role, attributes, email } = row.subject.read()?;
        Ok(Self {
            id: row.id,
            login: row.login,
            name: row.name,
            role,
            attributes,
            email,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            session_epoch: row.session_epoch,
            must_change_password: row.must_change_password,
        })
    }
}

/// Creates a user with epoch 0. False, without a change, when the login, or a look-alike, is taken or reserved for
/// its former user.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, user: &NewUser<'_>, now: Timestamp) -> Result<bool, Fault> {
    let inserted = execute!(
        tx,
        "INSERT INTO users (id, login, login_key, login_skeleton, name, role, roles, groups, \
         claims, password_hash, session_epoch, created_at, updated_at, password_changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
         0 - (SELECT generation FROM session_generation WHERE id = 1), $11, $11, $11) \
         ON CONFLICT (login_key) DO NOTHING",
        user.id,
        user.login.raw(),
        user.login.key(),
        user.login.skeleton(),
        user.name,
        user.role.as_str(),
        column(&user.attributes.roles),
        column(&user.attributes.groups),
        column(&user.attributes.claims),
        user.password_hash,
        now
    )?;
    if inserted == 0 {
        return Ok(false);
    }
    let shared = take_skeleton(tx, user.login).await?;
    if !shared || is_reserved(tx, user.login, user.id, now).await? {
        if shared {
            free_skeleton(tx, user.login.skeleton()).await?;
        }
        execute!(tx, "DELETE FROM users WHERE id = $1", user.id)?;
        return Ok(false);
    }
    moved(tx, None, user.password_hash).await?;
    user_words::rewrite(tx, user.id).await?;
    Ok(true)
}

/// The user and the stored hash of this normalised login.
///
/// # Errors
/// When the database cannot be read.
pub async fn credential(link: &mut impl Link, key: &str) -> Result<Option<Credential>, Fault> {
    let row = fetch_optional!(
        link,
        CredentialRow,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, password_hash, second_factor_since, \
         EXISTS (SELECT 1 FROM factors f WHERE f.user_id = users.id AND f.kind = 'totp') AS has_totp, \
         EXISTS (SELECT 1 FROM factors f WHERE f.user_id = users.id AND f.kind = 'passkey') AS has_passkey, \
         EXISTS (SELECT 1 FROM recovery_codes r WHERE r.user_id = users.id) AS has_recovery_codes \
         FROM users WHERE login_key = $1",
        key
    )?;
    row.map(Credential::try_from).transpose()
}

/// The same by id.
///
/// # Errors
/// When the database cannot be read.
pub async fn credential_of(link: &mut impl Link, id: UserId) -> Result<Option<Credential>, Fault> {
    let row = fetch_optional!(
        link,
        CredentialRow,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, password_hash, second_factor_since, \
         EXISTS (SELECT 1 FROM factors f WHERE f.user_id = users.id AND f.kind = 'totp') AS has_totp, \
         EXISTS (SELECT 1 FROM factors f WHERE f.user_id = users.id AND f.kind = 'passkey') AS has_passkey, \
         EXISTS (SELECT 1 FROM recovery_codes r WHERE r.user_id = users.id) AS has_recovery_codes \
         FROM users WHERE id = $1",
        id
    )?;
    row.map(Credential::try_from).transpose()
}

impl TryFrom<CredentialRow> for Credential {
    type Error = Fault;
    fn try_from(row: CredentialRow) -> Result<Self, Fault> {
        Ok(Self {
            user: row.user.try_into()?,
            password_hash: row.password_hash,
            second_factor_since: row.second_factor_since,
            has_totp: row.has_totp,
            has_passkey: row.has_passkey,
            has_recovery_codes: row.has_recovery_codes,
        })
    }
}

/// The user with this id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, id: UserId) -> Result<Option<User>, Fault> {
    Ok(credential_of(link, id).await?.map(|found| found.user))
}

/// A page of users, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(link: &mut impl Link, request: PageRequest) -> Result<Page<User>, Fault> {
    let rows = fetch_all!(
        link,
        UserRow,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        request.after.unwrap_or(Uuid::nil()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |user| user.id.uuid()))
}

/// Raises the epoch, which ends every session and token of the user. Returns the new epoch.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise_epoch(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<Option<i64>, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE users SET session_epoch = session_epoch + 1, updated_at = $1 WHERE id = $2 \
         RETURNING session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch",
        now,
        id
    )?;
    Ok(row.map(|(epoch,)| epoch))
}

/// Locks a user in this epoch until the end of `tx`, so that a concurrent end of the epoch sees the writes of `tx`.
/// False when the epoch has ended or the user is disabled.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold(tx: &mut Tx, id: UserId, epoch: i64) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET session_epoch = session_epoch \
         WHERE id = $1 AND session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = $2 \
         AND disabled_at IS NULL",
        id,
        epoch
    )?;
    Ok(rows == 1)
}

/// Locks a user in any state until the end of `tx`. Returns the user's epoch; `None` when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn hold_any(tx: &mut Tx, id: UserId) -> Result<Option<i64>, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE users SET session_epoch = session_epoch WHERE id = $1 \
         RETURNING session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch",
        id
    )?;
    Ok(row.map(|(epoch,)| epoch))
}

/// Disables a user and ends all sessions. False when there is no such user or it is already disabled.
///
/// # Errors
/// When the database cannot be written.
pub async fn disable(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET disabled_at = $1, updated_at = $1, session_epoch = session_epoch + 1 \
         WHERE id = $2 AND disabled_at IS NULL",
        now,
        id
    )?;
    Ok(rows == 1)
}

/// Enables a user again. False when there is no such user or it is already enabled.
///
/// # Errors
/// When the database cannot be written.
pub async fn enable(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET disabled_at = NULL, updated_at = $1 \
         WHERE id = $2 AND disabled_at IS NOT NULL",
        now,
        id
    )?;
    Ok(rows == 1)
}

/// Changes only the name, so that a concurrent change by an administrator is kept. False when there is no such
/// user.
///
/// # Errors
/// When the database cannot be written.
pub async fn rename(
    tx: &mut Tx,
    id: UserId,
    name: Option<&str>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows =
        execute!(tx, "UPDATE users SET name = $1, updated_at = $2 WHERE id = $3", name, now, id)?;
    user_words::rewrite(tx, id).await?;
    Ok(rows == 1)
}

/// Changes name, role and attributes. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn update(
    tx: &mut Tx,
    id: UserId,
    name: Option<&str>,
    Subject { role, attributes, .. }: &Subject,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET name = $1, role = $2, roles = $3, groups = $4, claims = $5, \
         updated_at = $6 WHERE id = $7",
        name,
        role.as_str(),
        column(&attributes.roles),
        column(&attributes.groups),
        column(&attributes.claims),
        now,
        id
    )?;
    user_words::rewrite(tx, id).await?;
    Ok(rows == 1)
}

/// Sets whether the next sign-in requires a new password. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn require_password_change(
    tx: &mut Tx,
    id: UserId,
    must: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET must_change_password = $1, updated_at = $2 WHERE id = $3",
        must,
        now,
        id
    )?;
    Ok(rows == 1)
}

/// Deletes a user with all their data and releases their login names. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, id: UserId) -> Result<bool, Fault> {
    let row = fetch_optional!(
        tx,
        (String, Option<String>),
        "DELETE FROM users WHERE id = $1 RETURNING login_skeleton, password_hash",
        id
    )?;
    let Some((skeleton, hash)) = row else { return Ok(false) };
    free_skeleton(tx, &skeleton).await?;
    moved(tx, hash.as_deref(), None).await?;
    Ok(true)
}

/// The number of enabled administrators besides `id`.
///
/// # Errors
/// When the database cannot be read.
pub async fn other_administrators(link: &mut impl Link, id: UserId) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL AND id <> $1",
        id
    )?;
    Ok(row.map_or(0, |(count,)| count))
}
