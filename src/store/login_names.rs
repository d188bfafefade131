//! Taken login names: those of users, look-alikes, and reserved former names.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::Fault;
use crate::domain::validity::{FORMER_LOGIN_LIFE, latest_end};
use crate::{execute, fetch_all, fetch_optional};

use super::error::is_unique_violation;
use super::{Link, Tx, user_words};

/// A change of a login name.
#[derive(Clone, Copy)]
pub struct LoginChange<'a> {
    /// The user whose name changes.
    pub user: UserId,
    /// The current name.
    pub before: &'a LoginName,
    /// The new name.
    pub new: &'a LoginName,
}

/// Counts a user at the skeleton of a name. False when a look-alike is taken. ASCII names may share a skeleton with
/// other ASCII names; any other name needs its skeleton alone. The row is the lock: of two concurrent look-alikes,
/// the second sees the first.
pub(super) async fn take_skeleton(tx: &mut Tx, login: &LoginName) -> Result<bool, Fault> {
    let shared = execute!(
        tx,
        "INSERT INTO login_skeletons (skeleton, exclusive, users) VALUES ($1, $2, 1) \
         ON CONFLICT (skeleton) DO UPDATE SET users = login_skeletons.users + 1 \
         WHERE $3 AND NOT login_skeletons.exclusive",
        login.skeleton(),
        !login.is_ascii(),
        login.is_ascii()
    )?;
    Ok(shared == 1)
}

/// Releases the skeleton of a user's name.
pub(super) async fn free_skeleton(tx: &mut Tx, skeleton: &str) -> Result<(), Fault> {
    execute!(tx, "UPDATE login_skeletons SET users = users - 1 WHERE skeleton = $1", skeleton)?;
    execute!(tx, "DELETE FROM login_skeletons WHERE skeleton = $1 AND users <= 0", skeleton)?;
    Ok(())
}

/// Whether a name, or a look-alike, is reserved for another user, who had it recently. It runs after the name and
/// its skeleton were taken, so a concurrent change has committed by then.
pub(super) async fn is_reserved(
    link: &mut impl Link,
    login: &LoginName,
    user: UserId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM former_logins WHERE login_skeleton = $1 AND user_id <> $2 \
         AND ends_at > $3 AND ends_at <= $4 AND (login_key = $5 OR NOT is_ascii OR NOT $6)",
        login.skeleton(),
        user,
        now,
        latest_end(FORMER_LOGIN_LIFE, now),
        login.key(),
        login.is_ascii()
    )?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Changes a login name and reserves the previous one. False when the new one, or a look-alike, is taken or
/// reserved for another user: run it in a transaction that a refusal rolls back.
///
/// # Errors
/// When the database cannot be written.
pub async fn change(
    tx: &mut Tx,
    LoginChange { user, before, new }: LoginChange<'_>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let renamed = execute!(
        tx,
        "UPDATE users SET login = $1, login_key = $2, login_skeleton = $3, updated_at = $4 \
         WHERE id = $5 AND NOT EXISTS \
         (SELECT 1 FROM users AS other WHERE other.login_key = $2 AND other.id <> $5)",
        new.raw(),
        new.key(),
        new.skeleton(),
        now,
        user
    );
    match renamed {
        Ok(1) => {}
        Ok(_) => return Ok(false),
        // PostgreSQL: another transaction took the name after the guard was evaluated.
        Err(fault) if is_unique_violation(&fault) => return Ok(false),
        Err(fault) => return Err(fault),
    }
    if before.key() == new.key() {
        user_words::rewrite(tx, user).await?;
        return Ok(true);
    }
    free_skeleton(tx, before.skeleton()).await?;
    if !take_skeleton(tx, new).await? || is_reserved(tx, new, user, now).await? {
        return Ok(false);
    }
    // The reservation is the user's own, or has expired.
    execute!(tx, "DELETE FROM former_logins WHERE login_key = $1", new.key())?;
    execute!(
        tx,
        "INSERT INTO former_logins (login_key, login_skeleton, is_ascii, user_id, ends_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (login_key) DO UPDATE SET \
         login_skeleton = $2, is_ascii = $3, user_id = $4, ends_at = $5",
        before.key(),
        before.skeleton(),
        before.is_ascii(),
        user,
        now + FORMER_LOGIN_LIFE
    )?;
    user_words::rewrite(tx, user).await?;
    Ok(true)
}

/// The names that are reserved for a user: their number, and when the first one becomes free.
///
/// # Errors
/// When the database cannot be read.
pub async fn reserved_for(
    link: &mut impl Link,
    user: UserId,
    now: Timestamp,
) -> Result<(i64, Option<Timestamp>), Fault> {
    let row = fetch_optional!(
        link,
        (i64, Option<Timestamp>),
        "SELECT count(*), min(ends_at) FROM former_logins \
         WHERE user_id = $1 AND ends_at > $2 AND ends_at <= $3",
        user,
        now,
        latest_end(FORMER_LOGIN_LIFE, now)
    )?;
    Ok(row.unwrap_or_default())
}

/// The keys of the login name of a user, and of those that are reserved for them now. Expired ones may belong to
/// another user.
///
/// # Errors
/// When the database cannot be read.
pub async fn keys_of(
    link: &mut impl Link,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let rows = fetch_all!(
        link,
        (String,),
        "SELECT login_key FROM users WHERE id = $1 \
         UNION ALL SELECT login_key FROM former_logins \
         WHERE user_id = $1 AND ends_at > $2 AND ends_at <= $3",
        user,
        now,
        latest_end(FORMER_LOGIN_LIFE, now)
    )?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// The login name of the user for whom this former one is reserved.
///
/// # Errors
/// When the database cannot be read.
pub async fn login_of_former(link: &mut impl Link, key: &str) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT login FROM users WHERE id = (SELECT user_id FROM former_logins WHERE login_key = $1)",
        key
    )?;
    Ok(row.map(|(login,)| login))
}

/// The keys of up to `limit` login names before and after `key`, in their order.
///
/// # Errors
/// When the database cannot be read.
pub async fn neighbours(link: &mut impl Link, key: &str, limit: i64) -> Result<Vec<String>, Fault> {
    let before = fetch_all!(
        link,
        (String,),
        "SELECT login_key FROM users WHERE login_key < $1 ORDER BY login_key DESC LIMIT $2",
        key,
        limit
    )?;
    let after = fetch_all!(
        link,
        (String,),
        "SELECT login_key FROM users WHERE login_key >= $1 ORDER BY login_key LIMIT $2",
        key,
        limit
    )?;
    Ok(before.into_iter().chain(after).map(|(key,)| key).collect())
}

/// Whether a name is reserved for this user.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_own(link: &mut impl Link, user: UserId, login: &LoginName) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (UserId,),
        "SELECT user_id FROM former_logins WHERE login_key = $1",
        login.key()
    )?;
    Ok(row == Some((user,)))
}
