//! Codes and links that were mailed to users.
//!
//! Statements that redeem a code check its expiry, the epoch of its user, and that it was sent.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::domain::mailed_code::{CodePurpose, TRIES};
use crate::domain::outcome::Fault;
use crate::domain::validity::latest_end;
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// The owner of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeOwner {
    /// The id of the user whose code it is.
    pub user: UserId,
    /// The epoch of the user with which it ends; `None` if it outlives the epoch.
    pub epoch: Option<i64>,
}

/// A code that is to be stored.
#[derive(Clone, Copy)]
pub struct NewCode<'a> {
    /// The operation that it confirms.
    pub purpose: CodePurpose,
    /// The subject: a new code replaces the one with the same purpose and subject.
    pub subject: &'a [u8],
    /// The hash of its link.
    pub link_hash: &'a TokenHash,
    /// The MAC of its code, and the hash of the flow in which the code works; `None` for a link alone.
    pub code: Option<(&'a [u8], &'a TokenHash)>,
    /// The sealed data of the purpose.
    pub sealed: &'a [u8],
    /// Its user; `None` if that is determined when its mail is sent.
    pub owner: Option<CodeOwner>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A code that was sent and has not been used.
#[derive(Clone, PartialEq, Eq)]
pub struct SentCode {
    /// The operation that it confirms.
    pub purpose: CodePurpose,
    /// The hash of its link, by which it is consumed.
    pub link_hash: TokenHash,
    /// The sealed data of the purpose.
    pub sealed: Vec<u8>,
    /// Its user, if any.
    pub owner: Option<CodeOwner>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The key of a code to compare.
#[derive(Clone, Copy)]
pub struct CodeName<'a> {
    /// The operation that the code confirms.
    pub purpose: CodePurpose,
    /// Its subject, as in [`NewCode::subject`].
    pub subject: &'a [u8],
    /// The hash of the flow that requested it.
    pub flow_hash: &'a TokenHash,
}

#[derive(sqlx::FromRow)]
struct CodeRow {
    purpose: String,
    link_hash: Vec<u8>,
    code_mac: Option<Vec<u8>>,
    sealed: Vec<u8>,
    user_id: Option<UserId>,
    user_epoch: Option<i64>,
    expires_at: Timestamp,
}

impl CodeRow {
    fn read(self) -> Result<SentCode, Fault> {
        let unreadable = || Fault::internal("a mailed code cannot be read");
        let link_hash = self.link_hash.as_slice().try_into().map_err(|_| unreadable())?;
        Ok(SentCode {
            purpose: self.purpose.parse().map_err(|_| unreadable())?,
            link_hash: TokenHash::from_digest(link_hash),
            sealed: self.sealed,
            owner: self.user_id.map(|user| CodeOwner { user, epoch: self.user_epoch }),
            expires_at: self.expires_at,
        })
    }
}

/// Writes a code. An earlier one with the same purpose and subject becomes invalid. One with a known owner counts as
/// sent.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(tx: &mut Tx, code: &NewCode<'_>, now: Timestamp) -> Result<(), Fault> {
    execute!(
        tx,
        "INSERT INTO mailed_codes (purpose, subject, link_hash, code_mac, flow_hash, sealed, tries, user_id, \
         user_epoch, sent_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10) \
         ON CONFLICT (purpose, subject) DO UPDATE SET link_hash = excluded.link_hash, \
         code_mac = excluded.code_mac, flow_hash = excluded.flow_hash, sealed = excluded.sealed, tries = 0, \
         user_id = excluded.user_id, user_epoch = excluded.user_epoch, sent_at = excluded.sent_at, \
         expires_at = excluded.expires_at",
        code.purpose.as_str(),
        code.subject,
        code.link_hash.bytes(),
        code.code.map(|(mac, _)| mac),
        code.code.map(|(_, flow)| flow.bytes()),
        code.sealed,
        code.owner.map(|owner| owner.user),
        code.owner.and_then(|owner| owner.epoch),
        code.owner.map(|_| now),
        code.expires_at
    )?;
    Ok(())
}

/// Sets the user of a code and marks it as sent. A later attempt to send the same mail changes nothing. False when
/// the code is invalid or expired, or the user's epoch was raised since it was first sent.
///
/// # Errors
/// When the database cannot be written.
pub async fn send_to(
    tx: &mut Tx,
    link_hash: &[u8],
    (user, epoch): (UserId, i64),
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE mailed_codes SET user_id = $1, user_epoch = $2, sent_at = coalesce(sent_at, $3) \
         WHERE link_hash = $4 AND expires_at > $3 AND (user_id IS NULL OR (user_id = $1 AND user_epoch = $2))",
        user,
        epoch,
        now,
        link_hash
    )?;
    Ok(rows == 1)
}

/// Marks a code without a user as sent. A later attempt to send the same mail changes nothing. False when the code
/// is invalid or expired.
///
/// # Errors
/// When the database cannot be written.
pub async fn send(tx: &mut Tx, link_hash: &[u8], now: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE mailed_codes SET sent_at = coalesce(sent_at, $1) \
         WHERE link_hash = $2 AND expires_at > $1 AND user_id IS NULL",
        now,
        link_hash
    )?;
    Ok(rows == 1)
}

/// Whether the code with this link was not used, replaced or invalidated, so that its mail is still useful.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_live(link: &mut impl Link, link_hash: &[u8]) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (String,),
        "SELECT purpose FROM mailed_codes WHERE link_hash = $1 AND (user_epoch IS NULL OR EXISTS \
         (SELECT 1 FROM users WHERE users.id = mailed_codes.user_id \
         AND users.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         = mailed_codes.user_epoch AND users.disabled_at IS NULL))",
        link_hash
    )?;
    Ok(row.is_some())
}

/// Counts one attempt at a code before the comparison, and returns the code and its MAC. `None` when there is no
/// such code in this flow, it has expired, or was tried too often. A code that was not sent, because no user has the
/// address, is counted like any other, so that the response time does not reveal this. [`by_link`] decides whether
/// it can be used.
///
/// # Errors
/// When the database cannot be written.
pub async fn count_try(
    tx: &mut Tx,
    name: CodeName<'_>,
    now: Timestamp,
) -> Result<Option<(SentCode, Vec<u8>)>, Fault> {
    let row = fetch_optional!(
        tx,
        CodeRow,
        "UPDATE mailed_codes SET tries = tries + 1 WHERE purpose = $1 AND subject = $2 AND flow_hash = $3 \
         AND tries < $4 AND expires_at > $5 AND expires_at <= $6 \
         RETURNING purpose, link_hash, code_mac, sealed, user_id, user_epoch, expires_at",
        name.purpose.as_str(),
        name.subject,
        name.flow_hash.bytes(),
        TRIES,
        now,
        latest_end(name.purpose.life(), now)
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let mac = row.code_mac.take();
    let code = row.read()?;
    Ok(mac.map(|mac| (code, mac)))
}

/// The code with this link, if it was sent and its user's state still allows it. The caller checks the expiry,
/// because lifetimes depend on the purpose.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_link(
    link: &mut impl Link,
    link_hash: &TokenHash,
) -> Result<Option<SentCode>, Fault> {
    let row = fetch_optional!(
        link,
        CodeRow,
        "SELECT purpose, link_hash, code_mac, sealed, user_id, user_epoch, expires_at FROM mailed_codes \
         WHERE link_hash = $1 AND sent_at IS NOT NULL AND (user_epoch IS NULL OR EXISTS \
         (SELECT 1 FROM users WHERE users.id = mailed_codes.user_id \
         AND users.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         = mailed_codes.user_epoch AND users.disabled_at IS NULL))",
        link_hash.bytes()
    )?;
    row.map(CodeRow::read).transpose()
}

/// Consumes a code; `false` if another request has consumed it, or it is invalid.
///
/// # Errors
/// When the database cannot be written.
pub async fn consume(tx: &mut Tx, link_hash: &TokenHash) -> Result<bool, Fault> {
    discard(tx, link_hash.digest()).await
}

/// Removes the code with this link. False when there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn discard(tx: &mut Tx, link_hash: &[u8]) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM mailed_codes WHERE link_hash = $1", link_hash)? == 1)
}

/// Removes the codes of a user that end with the user's epoch.
///
/// # Errors
/// When the database cannot be written.
pub async fn void_of_user(tx: &mut Tx, user: UserId) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM mailed_codes WHERE user_id = $1 AND user_epoch IS NOT NULL", user)
}

/// Removes the code of this purpose and subject. False when there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn void(tx: &mut Tx, purpose: CodePurpose, subject: &[u8]) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "DELETE FROM mailed_codes WHERE purpose = $1 AND subject = $2",
        purpose.as_str(),
        subject
    )?;
    Ok(rows == 1)
}

/// Removes every code of a user, also those that outlive the user's epoch.
///
/// # Errors
/// When the database cannot be written.
pub async fn void_all_of_user(tx: &mut Tx, user: UserId) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM mailed_codes WHERE user_id = $1", user)
}

/// Consumes a link that undoes a change of address, and the links of later changes. Those of earlier changes stay,
/// because they lead to earlier addresses. False when the link was used, or is invalid.
///
/// # Errors
/// When the database cannot be written.
pub async fn undo_from(tx: &mut Tx, user: UserId, link_hash: &TokenHash) -> Result<bool, Fault> {
    // All have the same lifetime, so a later one expires later.
    let rows = execute!(
        tx,
        "DELETE FROM mailed_codes WHERE user_id = $1 AND purpose = 'undo' AND expires_at >= \
         (SELECT used.expires_at FROM mailed_codes AS used WHERE used.link_hash = $2 AND used.user_id = $1)",
        user,
        link_hash.bytes()
    )?;
    Ok(rows > 0)
}

/// Every code with its sealed data: purpose, hash of the link, sealed.
///
/// # Errors
/// When the database cannot be read.
pub async fn sealed(link: &mut impl Link) -> Result<Vec<(String, Vec<u8>, Vec<u8>)>, Fault> {
    fetch_all!(
        link,
        (String, Vec<u8>, Vec<u8>),
        "SELECT purpose, link_hash, sealed FROM mailed_codes ORDER BY link_hash"
    )
}

/// Replaces the sealed data of a code.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal(tx: &mut Tx, link_hash: &[u8], sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE mailed_codes SET sealed = $1 WHERE link_hash = $2", sealed, link_hash)?;
    Ok(())
}

/// The code of this purpose and subject, sent or not, as far as its user is concerned.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_subject(
    link: &mut impl Link,
    purpose: CodePurpose,
    subject: &[u8],
) -> Result<Option<SentCode>, Fault> {
    let row = fetch_optional!(
        link,
        CodeRow,
        "SELECT purpose, link_hash, code_mac, sealed, user_id, user_epoch, expires_at FROM mailed_codes \
         WHERE purpose = $1 AND subject = $2 AND (user_epoch IS NULL OR EXISTS \
         (SELECT 1 FROM users WHERE users.id = mailed_codes.user_id \
         AND users.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         = mailed_codes.user_epoch AND users.disabled_at IS NULL))",
        purpose.as_str(),
        subject
    )?;
    row.map(CodeRow::read).transpose()
}

/// Removes up to `step` mailed codes that expired before the first time, and links with lifetimes of days that
/// expired before the second one: until then, a page can explain what an expired link was for.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_expired(
    tx: &mut Tx,
    [before, long_before]: [Timestamp; 2],
    step: i64,
) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM mailed_codes WHERE (purpose, subject) IN (SELECT purpose, subject FROM mailed_codes \
         WHERE expires_at < $1 AND (expires_at < $2 OR purpose NOT IN ('invite', 'undo')) \
         ORDER BY expires_at, purpose, subject LIMIT $3)",
        before,
        long_before,
        step
    )
}
