//! Counters of failed log-ins.
//!
//! Rows are named by pseudonyms (keyed hashes), so the table reveals no login names.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::Limit;
use crate::{execute, fetch_all, fetch_optional};

use super::db::{Conn, count_statement, with_deadline};
use super::{Link, Tx};

/// The limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The time until the window ends.
    pub wait: TimeSpan,
}

/// How much later than `now` a stored attempt may have begun: attempts wait for each other and for the database,
/// and the clocks of processes differ. Without this, an attempt that waited would treat the window of a later one
/// as the result of a wrong clock and reset the count.
pub const AHEAD: TimeSpan = TimeSpan::from_mins(2);

/// A counter, and the account it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Counter<'a> {
    /// The pseudonym of the counter.
    pub pseudonym: &'a [u8],
    /// The pseudonym of the account, by which all its counters are cleared; `None` for counters that an
    /// administrator cannot clear.
    pub account: Option<&'a [u8]>,
}

/// Counts one attempt at a counter of no account. See [`count_try_of`].
///
/// # Errors
/// When the database cannot be written.
pub async fn count_try(
    tx: &mut Tx,
    pseudonym: &[u8],
    limit: Limit,
    now: Timestamp,
) -> Result<Result<(), Refused>, Fault> {
    count_try_of(tx, Counter { pseudonym, account: None }, limit, now).await
}

/// Counts one attempt, or returns when the window ends. Attempts are counted before the password is checked, so
/// that a burst of parallel guesses cannot slip through; [`forgive`] returns an attempt that turns out to be right.
///
/// A window that ends further away than its length plus [`AHEAD`] was begun by a clock that was ahead, and counts
/// as ended. [`AHEAD`] is added because an attempt may be older than the one that began the window.
///
/// # Errors
/// When the database cannot be written.
pub async fn count_try_of(
    tx: &mut Tx,
    counter: Counter<'_>,
    limit: Limit,
    now: Timestamp,
) -> Result<Result<(), Refused>, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO login_limits (pseudonym, tries, ends_at, account) VALUES ($1, 1, $2, $6) \
         ON CONFLICT (pseudonym) DO UPDATE SET \
         tries = CASE WHEN login_limits.ends_at <= $3 OR login_limits.ends_at > $5 \
         THEN 1 ELSE login_limits.tries + 1 END, \
         ends_at = CASE WHEN login_limits.ends_at <= $3 OR login_limits.ends_at > $5 \
         THEN $2 ELSE login_limits.ends_at END \
         WHERE login_limits.ends_at <= $3 OR login_limits.ends_at > $5 \
         OR login_limits.tries < $4",
        counter.pseudonym,
        now + limit.window,
        now,
        limit.tries,
        now + limit.window + AHEAD,
        counter.account
    )?;
    if rows == 1 {
        return Ok(Ok(()));
    }
    let refused = used_up(tx, counter.pseudonym, limit, now).await?;
    Ok(Err(refused.unwrap_or(Refused { wait: TimeSpan::ZERO })))
}

/// Whether the limit is reached; does not count an attempt.
///
/// # Errors
/// When the database cannot be read.
pub async fn used_up(
    link: &mut impl Link,
    pseudonym: &[u8],
    limit: Limit,
    now: Timestamp,
) -> Result<Option<Refused>, Fault> {
    let row = fetch_optional!(
        link,
        (Timestamp,),
        "SELECT ends_at FROM login_limits WHERE pseudonym = $1 AND tries >= $2 \
         AND ends_at > $3 AND ends_at <= $4",
        pseudonym,
        limit.tries,
        now,
        now + limit.window + AHEAD
    )?;
    Ok(row.map(|(ends_at,)| Refused { wait: (ends_at - now).min(limit.window) }))
}

/// Counts under `pseudonym` without a limit. Returns the count in the window; windows begin as in [`count_try`].
///
/// # Errors
/// When the database cannot be written.
pub async fn count(
    tx: &mut Tx,
    pseudonym: &[u8],
    window: TimeSpan,
    now: Timestamp,
) -> Result<i64, Fault> {
    let row = fetch_optional!(
        tx,
        (i64,),
        "INSERT INTO login_limits (pseudonym, tries, ends_at) VALUES ($1, 1, $2) \
         ON CONFLICT (pseudonym) DO UPDATE SET \
         tries = CASE WHEN login_limits.ends_at <= $3 OR login_limits.ends_at > $4 \
         THEN 1 ELSE login_limits.tries + 1 END, \
         ends_at = CASE WHEN login_limits.ends_at <= $3 OR login_limits.ends_at > $4 \
         THEN $2 ELSE login_limits.ends_at END RETURNING tries",
        pseudonym,
        now + window,
        now,
        now + window + AHEAD
    )?;
    Ok(row.map_or(0, |(tries,)| tries))
}

/// Clears two counters, because the sign-in was completed.
///
/// # Errors
/// When the database cannot be written.
pub async fn forgive_both(tx: &mut Tx, one: &[u8], other: &[u8]) -> Result<(), Fault> {
    execute!(tx, "DELETE FROM login_limits WHERE pseudonym IN ($1, $2)", one, other)?;
    Ok(())
}

/// Clears the attempts counted under `pseudonym`, because the password was right. False when there were none.
///
/// # Errors
/// When the database cannot be written.
pub async fn forgive(tx: &mut Tx, pseudonym: &[u8]) -> Result<bool, Fault> {
    let rows = execute!(tx, "DELETE FROM login_limits WHERE pseudonym = $1", pseudonym)?;
    Ok(rows > 0)
}

/// Takes back one attempt counted under `pseudonym`.
///
/// # Errors
/// When the database cannot be written.
pub async fn give_back(tx: &mut Tx, pseudonym: &[u8]) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE login_limits SET tries = tries - 1 WHERE pseudonym = $1 AND tries > 0",
        pseudonym
    )?;
    Ok(())
}

/// Clears all counters of the account of this pseudonym. Returns their number.
///
/// # Errors
/// When the database cannot be written.
pub async fn clear_account(tx: &mut Tx, account: &[u8]) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM login_limits WHERE account = $1", account)
}

/// A counter of an account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredCounter {
    /// The pseudonym of the account.
    pub account: Vec<u8>,
    /// Its own pseudonym.
    pub pseudonym: Vec<u8>,
    /// Attempts so far.
    pub tries: i64,
    /// When its window ends.
    pub ends_at: Timestamp,
}

/// The counters of the account of this pseudonym whose window has not ended, at most 200, the fullest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_account(
    link: &mut impl Link,
    account: &[u8],
    now: Timestamp,
) -> Result<Vec<StoredCounter>, Fault> {
    fetch_all!(
        link,
        StoredCounter,
        "SELECT account, pseudonym, tries, ends_at FROM login_limits \
         WHERE account = $1 AND ends_at > $2 AND tries > 0 ORDER BY tries DESC, pseudonym LIMIT 200",
        account,
        now
    )
}

/// The counters of these accounts with at least `least` attempts, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_accounts(
    link: &mut impl Link,
    accounts: &[Vec<u8>],
    least: i64,
    now: Timestamp,
) -> Result<Vec<StoredCounter>, Fault> {
    count_statement();
    let doing = "reading counters of accounts";
    let deadline = link.deadline();
    let found = match link.conn() {
        Conn::Sqlite(conn) => {
            let query = sqlx::query_as::<sqlx::Sqlite, StoredCounter>(
                "SELECT account, pseudonym, tries, ends_at FROM login_limits \
                 WHERE account IN (SELECT unhex(value) FROM json_each($1)) AND ends_at > $2 AND tries >= $3",
            );
            let accounts: Vec<String> = accounts.iter().map(|name| hex(name)).collect();
            let accounts = serde_json::to_string(&accounts).unwrap_or_default();
            let query = query.bind(accounts).bind(now).bind(least);
            with_deadline(deadline, doing, query.fetch_all(conn)).await?
        }
        Conn::Postgres(conn) => {
            let query = sqlx::query_as::<sqlx::Postgres, StoredCounter>(
                "SELECT account, pseudonym, tries, ends_at FROM login_limits \
                 WHERE account = ANY($1) AND ends_at > $2 AND tries >= $3",
            );
            let query = query.bind(accounts).bind(now).bind(least);
            with_deadline(deadline, doing, query.fetch_all(conn)).await?
        }
    };
    link.ended(false);
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
