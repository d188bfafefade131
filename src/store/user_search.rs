//! Reading users for lists and searches, in the order of their ids or of the words that were found.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{AuditId, UserId};
use crate::domain::outcome::Fault;
use crate::domain::user_filter::{ListedUser, PasswordClass};
use crate::{execute, fetch_all};

use super::user_words::SearchedColumns;
use super::users::UserRow;
use super::{Link, Tx};

/// The most audit events of a kind that are searched for locked users.
const FAILURES: i64 = 2_000;

/// A user as a search reads them.
pub struct FoundUser {
    /// The word that was found; empty in a list.
    pub word: String,
    /// The key of the login.
    pub login_key: String,
    /// The words of the user, as the row is now.
    pub words: Vec<String>,
    /// The user for a list.
    pub listed: ListedUser,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: UserRow,
    login_key: String,
    email_key: Option<String>,
    last_login_at: Option<Timestamp>,
    password_hash: Option<String>,
    word: String,
}

impl TryFrom<Row> for FoundUser {
    type Error = Fault;
    fn try_from(row: Row) -> Result<Self, Fault> {
        let Row { user, login_key, email_key, last_login_at, password_hash, word } = row;
        let words = SearchedColumns::of(&user, &login_key, email_key.as_deref()).words();
        let password_class = PasswordClass::of(password_hash.as_deref());
        let listed = ListedUser { user: user.try_into()?, last_login_at, password_class };
        Ok(Self { word, login_key, words, listed })
    }
}

/// A range of ids.
#[derive(Debug, Clone, Copy)]
pub struct IdRange {
    /// The last examined id.
    pub after: Uuid,
    /// The end, not part of it.
    pub until: Uuid,
    /// The most rows.
    pub limit: i64,
}

fn found(rows: Vec<Row>) -> Result<Vec<FoundUser>, Fault> {
    rows.into_iter().map(FoundUser::try_from).collect()
}

/// Users in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_id(link: &mut impl Link, range: IdRange) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM users WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
        range.after,
        range.until,
        range.limit
    )?)
}

/// Administrators in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn administrators(link: &mut impl Link, range: IdRange) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM users WHERE role = 'admin' AND id > $1 AND id < $2 ORDER BY id LIMIT $3",
        range.after,
        range.until,
        range.limit
    )?)
}

/// Disabled users in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn disabled(link: &mut impl Link, range: IdRange) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM users WHERE disabled_at IS NOT NULL AND id > $1 AND id < $2 ORDER BY id LIMIT $3",
        range.after,
        range.until,
        range.limit
    )?)
}

/// Users whose next sign-in requires a new password, in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn must_change(link: &mut impl Link, range: IdRange) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM users WHERE must_change_password AND id > $1 AND id < $2 ORDER BY id LIMIT $3",
        range.after,
        range.until,
        range.limit
    )?)
}

/// Users with failed attempts since `since`, in the order of their ids: of the newest events of each kind, one kind at
/// a time because of the order of the index. The inner query only selects ids, which are in the index itself: if it
/// selected users, PostgreSQL would read and sort every event of the kind. The users of the page are chosen first and
/// then looked up by id: with a join, PostgreSQL may walk through all users until it has found enough of them, and read
/// the events of each.
///
/// # Errors
/// When the database cannot be read.
pub async fn lately_failed(
    link: &mut impl Link,
    since: Timestamp,
    range: IdRange,
) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "WITH lately AS MATERIALIZED (SELECT DISTINCT user_id FROM audit_events WHERE id IN ( \
         SELECT id FROM (SELECT id FROM audit_events WHERE kind = 'login.failed' \
         AND kind <> 'login.succeeded' AND id >= $1 ORDER BY id DESC LIMIT $2) AS lately_failed \
         UNION ALL SELECT id FROM (SELECT id FROM audit_events WHERE kind = 'login.throttled' \
         AND kind <> 'login.succeeded' AND id >= $1 ORDER BY id DESC LIMIT $2) AS lately_throttled \
         UNION ALL SELECT id FROM (SELECT id FROM audit_events WHERE kind = 'factor.failed' \
         AND kind <> 'login.succeeded' AND id >= $1 ORDER BY id DESC LIMIT $2) AS lately_missed)), \
         picked AS MATERIALIZED (SELECT user_id FROM lately WHERE user_id > $3 AND user_id < $4 \
         AND (SELECT found.id FROM users AS found WHERE found.id = lately.user_id) IS NOT NULL \
         ORDER BY user_id LIMIT $5) \
         SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM picked JOIN users ON users.id = picked.user_id ORDER BY id",
        AuditId::earliest(since),
        FAILURES,
        range.after,
        range.until,
        range.limit
    )?)
}

/// The user with this login.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_login(link: &mut impl Link, login_key: &str) -> Result<Vec<FoundUser>, Fault> {
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, \
         '' AS word FROM users WHERE login_key = $1",
        login_key
    )?)
}

/// A range of words, from the row after a cursor on.
#[derive(Debug, Clone, Copy)]
pub struct WordRange<'a> {
    /// The first word.
    pub from: &'a str,
    /// The end, not part of it.
    pub until: &'a str,
    /// The word of the last examined row.
    pub after_word: &'a str,
    /// The user of that row.
    pub after_user: UserId,
    /// The most rows.
    pub limit: i64,
}

/// Users by their words, in the order of words and ids: one row for each word.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_word(link: &mut impl Link, range: WordRange<'_>) -> Result<Vec<FoundUser>, Fault> {
    // One lower bound: of two, PostgreSQL would start its scan at the pair even if that is the beginning of the
    // index. No user has the nil id.
    let (after_word, after_user) = match range.after_word < range.from {
        true => (range.from, UserId::from_uuid(Uuid::nil())),
        false => (range.after_word, range.after_user),
    };
    found(fetch_all!(
        link,
        Row,
        "SELECT id, login, name, role, roles, groups, claims, email, email_verified_at, \
         session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, disabled_at, \
         created_at, updated_at, must_change_password, login_key, email_key, last_login_at, password_hash, word \
         FROM user_words CROSS JOIN users WHERE users.id = user_words.user_id AND word < $1 \
         AND (word, user_id) > ($2, $3) ORDER BY word, user_id LIMIT $4",
        range.until,
        after_word,
        after_user,
        range.limit
    )?)
}

/// Records the day of a user's sign-in.
///
/// # Errors
/// When the database cannot be written.
pub async fn note_login(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<(), Fault> {
    let day = Timestamp::from_secs(now.secs().div_euclid(86_400) * 86_400);
    execute!(
        tx,
        "UPDATE users SET last_login_at = $1 WHERE id = $2 AND (last_login_at IS NULL OR last_login_at < $1)",
        day,
        id
    )?;
    Ok(())
}
