//! The outbox of mail.

use crate::base::id::{MailId, UserId};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// How far ahead the clock of a process that postponed a mail may be. One that is postponed further than this was
/// postponed by a clock that has been set back since, and is due.
const AHEAD: TimeSpan = TimeSpan::from_mins(2);

/// A mail that is to be stored.
#[derive(Debug)]
pub struct NewMail<'a> {
    /// The id of the row, to which `sealed` is bound.
    pub id: MailId,
    /// The name of its `MailKind`, stored in the clear for operators.
    pub kind: &'static str,
    /// The user it concerns. It is deleted with the user.
    pub user_id: Option<UserId>,
    /// The hash of the link in it.
    pub link_hash: Option<&'a [u8]>,
    /// Recipient, language and content, sealed.
    pub sealed: &'a [u8],
    /// When it is abandoned.
    pub expires_at: Timestamp,
}

/// A mail that was taken for delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TakenMail {
    /// The id of the row, to which `sealed` is bound.
    pub id: MailId,
    /// The name of its `MailKind`.
    pub kind: String,
    /// The user it concerns.
    pub user_id: Option<UserId>,
    /// The hash of the link in it.
    pub link_hash: Option<Vec<u8>>,
    /// Recipient, language and content, sealed.
    pub sealed: Vec<u8>,
    /// How often it was taken, including this time.
    pub tries: i64,
    /// When it is abandoned.
    pub expires_at: Timestamp,
}

/// The mails to take.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Mails that are due by this time.
    pub now: Timestamp,
    /// Until when each is postponed.
    pub again: Timestamp,
    /// The maximum number.
    pub limit: i64,
}

/// Stores a mail in the transaction of the change that causes it. It is due at `now`.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, mail: &NewMail<'_>, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO mails (id, kind, user_id, link_hash, sealed, tries, next_at, expires_at, set_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $6)",
        mail.id,
        mail.kind,
        mail.user_id,
        mail.link_hash,
        mail.sealed,
        now,
        mail.expires_at
    )?;
    Ok(())
}

/// Whether a mail is due.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_due(link: &mut impl Link, now: Timestamp) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (MailId,),
        "SELECT id FROM mails WHERE next_at <= $1 ORDER BY next_at, id LIMIT 1",
        now
    )?;
    Ok(row.is_some())
}

/// Takes mails that are due, longest waiting first, and postpones each, so that only this process delivers it until
/// then.
///
/// # Errors
/// When the database cannot be written.
pub async fn take(tx: &mut Tx, turn: Turn) -> Result<Vec<TakenMail>, Fault> {
    // The outer condition is evaluated again if another process took the row first.
    fetch_all!(
        tx,
        TakenMail,
        "UPDATE mails SET tries = tries + 1, next_at = $1, set_at = $2 \
         WHERE next_at <= $2 AND id IN (SELECT id FROM mails \
         WHERE next_at <= $2 ORDER BY next_at, id LIMIT $3) \
         RETURNING id, kind, user_id, link_hash, sealed, tries, expires_at",
        turn.again,
        turn.now,
        turn.limit
    )
}

/// Postpones a mail that was not delivered at `now`.
///
/// # Errors
/// When the database cannot be written.
pub async fn put_off(
    tx: &mut Tx,
    id: MailId,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    execute!(tx, "UPDATE mails SET next_at = $1, set_at = $2 WHERE id = $3", until, now, id)?;
    Ok(())
}

/// Releases a mail at `now` that was taken but not tried. It is due at `at`.
///
/// # Errors
/// When the database cannot be written.
pub async fn release(tx: &mut Tx, id: MailId, at: Timestamp, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE mails SET tries = tries - 1, next_at = $1, set_at = $2 WHERE id = $3",
        at,
        now,
        id
    )?;
    Ok(())
}

/// Removes a mail that was delivered or abandoned; `false` if it was already removed.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, id: MailId) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM mails WHERE id = $1", id)? == 1)
}

/// Whether a mail was postponed by a clock that has been set back since.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_ahead(link: &mut impl Link, now: Timestamp) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (MailId,),
        "SELECT id FROM mails WHERE set_at > $1 ORDER BY set_at, id LIMIT 1",
        now + AHEAD
    )?;
    Ok(row.is_some())
}

/// Makes up to `limit` mails due that were postponed by a clock that has been set back since.
///
/// # Errors
/// When the database cannot be written.
pub async fn make_due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "UPDATE mails SET next_at = $1, set_at = $1 WHERE set_at > $2 \
         AND id IN (SELECT id FROM mails WHERE set_at > $2 ORDER BY set_at, id LIMIT $3)",
        now,
        now + AHEAD,
        limit
    )
}

/// The oldest waiting mail. Ids sort by creation time.
///
/// # Errors
/// When the database cannot be read.
pub async fn oldest(link: &mut impl Link) -> Result<Option<MailId>, Fault> {
    let row = fetch_optional!(link, (MailId,), "SELECT id FROM mails ORDER BY id LIMIT 1")?;
    Ok(row.map(|(id,)| id))
}

/// How many mails wait, counted up to `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn waiting(link: &mut impl Link, limit: i64) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM (SELECT id FROM mails ORDER BY id LIMIT $1) AS waiting",
        limit
    )?;
    Ok(row.map_or(0, |(waiting,)| waiting))
}

/// Whether a mail of `kind` to this user waits.
///
/// # Errors
/// When the database cannot be read.
pub async fn waits(link: &mut impl Link, user: UserId, kind: &str) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT count(*) FROM mails WHERE user_id = $1 AND kind = $2",
        user,
        kind
    )?;
    Ok(row.is_some_and(|(waiting,)| waiting > 0))
}

/// Every mail with its sealed data.
///
/// # Errors
/// When the database cannot be read.
pub async fn sealed(link: &mut impl Link) -> Result<Vec<(MailId, Vec<u8>)>, Fault> {
    fetch_all!(link, (MailId, Vec<u8>), "SELECT id, sealed FROM mails ORDER BY id")
}

/// Replaces the sealed data of a mail.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal(tx: &mut Tx, id: MailId, sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE mails SET sealed = $1 WHERE id = $2", sealed, id)?;
    Ok(())
}
