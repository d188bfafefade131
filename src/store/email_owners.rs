//! The e-mail addresses of users, and the owners of verified ones.
//!
//! An unverified address is only a column of its user. A verified one also has a row in `email_owners`, whose key
//! makes it unique.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::domain::user_email::NewEmail;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx, user_words};

/// The key of the login name that `key` signs in to: the login name itself, or that of the user who owns the
/// address. The statement is the same if neither exists.
///
/// # Errors
/// When the database cannot be read.
pub async fn login_key_of(link: &mut impl Link, key: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT login_key FROM users WHERE id = coalesce(\
         (SELECT named.id FROM users AS named WHERE named.login_key = $1), \
         (SELECT email_owners.user_id FROM email_owners WHERE email_owners.email_key = $1))",
        key
    )?;
    Ok(row.map(|(key,)| key))
}

/// The user who has verified the address with this key.
///
/// # Errors
/// When the database cannot be read.
pub async fn owner_of(link: &mut impl Link, key: &str) -> Result<Option<UserId>, Fault> {
    let row = fetch_optional!(
        link,
        (UserId,),
        "SELECT user_id FROM email_owners WHERE email_key = $1",
        key
    )?;
    Ok(row.map(|(user,)| user))
}

/// The owner of an address, if the owner is enabled.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EnabledOwner {
    /// The id of the owner.
    #[sqlx(rename = "id")]
    pub user: UserId,
    /// The user's session epoch.
    #[sqlx(rename = "session_epoch")]
    pub epoch: i64,
    /// The address as stored for the user.
    #[sqlx(rename = "email")]
    pub address: String,
}

/// The user who has verified the address with this key, unless they are disabled.
///
/// # Errors
/// When the database cannot be read.
pub async fn enabled_owner(link: &mut impl Link, key: &str) -> Result<Option<EnabledOwner>, Fault> {
    fetch_optional!(
        link,
        EnabledOwner,
        "SELECT id, session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, \
         email FROM users WHERE id = \
         (SELECT user_id FROM email_owners WHERE email_key = $1) \
         AND disabled_at IS NULL AND email IS NOT NULL",
        key
    )
}

/// The key of the login name of the user who has verified the address with this key.
///
/// # Errors
/// When the database cannot be read.
pub async fn login_key_of_owner(link: &mut impl Link, key: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT login_key FROM users WHERE id = \
         (SELECT user_id FROM email_owners WHERE email_key = $1)",
        key
    )?;
    Ok(row.map(|(key,)| key))
}

/// The address with this key as stored for the user who has verified it, disabled or not.
///
/// # Errors
/// When the database cannot be read.
pub async fn stored_address(link: &mut impl Link, key: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT coalesce(users.email, email_owners.email_key) FROM email_owners \
         JOIN users ON users.id = email_owners.user_id WHERE email_owners.email_key = $1",
        key
    )?;
    Ok(row.map(|(address,)| address))
}

/// Makes a user the owner of an address. False when another user owns it. The user must own none, see
/// [`disown`].
///
/// # Errors
/// When the database cannot be written.
pub async fn own(tx: &mut Tx, user: UserId, key: &str) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO email_owners (email_key, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        key,
        user
    )?;
    Ok(rows == 1)
}

/// Releases the address of a user. False when the user owned none.
///
/// # Errors
/// When the database cannot be written.
pub async fn disown(tx: &mut Tx, user: UserId) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM email_owners WHERE user_id = $1", user)? == 1)
}

/// Stores the address of a user, or none. False when there is no such user.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_email(
    tx: &mut Tx,
    user: UserId,
    email: Option<&NewEmail>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE users SET email = $1, email_key = $2, email_verified_at = $3, updated_at = $4 \
         WHERE id = $5",
        email.map(|email| &*email.address),
        email.map(|email| &*email.key),
        email.and_then(|email| email.verified_at),
        now,
        user
    )?;
    user_words::rewrite(tx, user).await?;
    Ok(rows == 1)
}

/// Removes a newly verified address from all users but its owner, who had it unverified. Returns their number.
///
/// # Errors
/// When the database cannot be written.
pub async fn clear_unverified(
    tx: &mut Tx,
    key: &str,
    owner: UserId,
    now: Timestamp,
) -> Result<u64, Fault> {
    let cleared = fetch_all!(
        tx,
        (UserId,),
        "UPDATE users SET email = NULL, email_key = NULL, updated_at = $1 \
         WHERE email_key = $2 AND id <> $3 AND email_verified_at IS NULL RETURNING id",
        now,
        key,
        owner
    )?;
    for (user,) in &cleared {
        user_words::rewrite(tx, *user).await?;
    }
    Ok(cleared.len() as u64)
}

/// The login of a user who has this address and has not verified it; of several, the first.
///
/// # Errors
/// When the database cannot be read.
pub async fn login_without_proof(link: &mut impl Link, key: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (Option<String>,),
        "SELECT min(login) FROM users WHERE email_key = $1 AND email_verified_at IS NULL",
        key
    )?;
    Ok(row.and_then(|(login,)| login))
}
