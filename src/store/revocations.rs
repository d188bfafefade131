//! Revocations for services that verify access tokens offline.

use serde_json::{Value, json};

use crate::base::id::SessionId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::Tx;
use super::db::{Conn, Link, count_statement, with_deadline};

/// How much longer than the last token a row is kept, because the clocks of verifiers may differ.
pub const LEEWAY: TimeSpan = TimeSpan::from_secs(60);

/// A set of revoked tokens.
#[derive(Debug, Clone, Copy)]
pub enum Revoked<'a> {
    /// The access token with this id, and those exchanged for it.
    Token(&'a str),
    /// Every token of this client that was issued before now.
    Client(&'a str),
    /// Every token for this API that was issued before now.
    Api(&'a str),
    /// Every token that was issued before now.
    Everything,
}

/// A valid row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredRevocation {
    /// `sid`, `jti`, `client_id`, `aud` or `all`.
    pub kind: String,
    /// The id or the name; empty for `all`.
    pub value: String,
    /// For revocations by name: the latest `iat` of revoked tokens, in seconds.
    pub cut_iat: Option<i64>,
    /// When it was written.
    pub at: Timestamp,
    /// When it may be removed.
    pub until: Timestamp,
}

/// The rows that are valid at `now`, ordered by their expiry.
///
/// # Errors
/// When the database cannot be read.
pub async fn unexpired(
    link: &mut impl Link,
    now: Timestamp,
) -> Result<Vec<StoredRevocation>, Fault> {
    fetch_all!(
        link,
        StoredRevocation,
        "SELECT kind, value, cut_iat, at, until FROM revocations WHERE until > $1 \
         ORDER BY until, kind, value",
        now
    )
}

/// Stores a revocation. `until` is when the last revoked token expires.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    tx: &mut Tx,
    revoked: Revoked<'_>,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), Fault> {
    let (kind, value, cut) = match revoked {
        Revoked::Token(jti) => ("jti", jti, None),
        Revoked::Client(client_id) => ("client_id", client_id, Some(now.secs())),
        Revoked::Api(identifier) => ("aud", identifier, Some(now.secs())),
        Revoked::Everything => ("all", "", Some(now.secs())),
    };
    execute!(
        tx,
        "INSERT INTO revocations (kind, value, cut_iat, at, until) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, value) DO UPDATE SET at = excluded.at, \
         cut_iat = CASE WHEN excluded.cut_iat > revocations.cut_iat THEN excluded.cut_iat \
         ELSE revocations.cut_iat END, \
         until = CASE WHEN excluded.until > revocations.until THEN excluded.until \
         ELSE revocations.until END",
        kind,
        value,
        cut,
        now,
        until + LEEWAY
    )?;
    Ok(())
}

/// Records that these sessions have ended, each with the expiry of its last token, in one statement. A session
/// whose last token has expired needs no row.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_sessions(
    tx: &mut Tx,
    sessions: &[(SessionId, Timestamp)],
    now: Timestamp,
) -> Result<(), Fault> {
    let live: Vec<_> = sessions.iter().filter(|(_, until)| *until + LEEWAY > now).collect();
    if live.is_empty() {
        return Ok(());
    }
    count_statement();
    let doing = "writing revocations";
    let deadline = tx.deadline();
    match tx.conn() {
        Conn::Sqlite(conn) => {
            let rows: Value = live
                .iter()
                .map(|(session, until)| json!([session, (*until + LEEWAY).millis()]))
                .collect();
            let query = sqlx::query::<sqlx::Sqlite>(SQLITE).bind(now).bind(rows.to_string());
            with_deadline(deadline, doing, query.execute(conn)).await?;
        }
        Conn::Postgres(conn) => {
            let ids: Vec<String> = live.iter().map(|(session, _)| session.to_string()).collect();
            let until: Vec<i64> =
                live.iter().map(|(_, until)| (*until + LEEWAY).millis()).collect();
            let query = sqlx::query::<sqlx::Postgres>(POSTGRES).bind(now).bind(ids).bind(until);
            with_deadline(deadline, doing, query.execute(conn)).await?;
        }
    }
    tx.ended(true);
    Ok(())
}

// `WHERE true` keeps SQLite from parsing ON CONFLICT as a join condition.
const SQLITE: &str = "\
INSERT INTO revocations (kind, value, cut_iat, at, until) \
SELECT 'sid', value ->> 0, NULL, $1, value ->> 1 FROM json_each($2) WHERE true \
ON CONFLICT (kind, value) DO NOTHING";

const POSTGRES: &str = "\
INSERT INTO revocations (kind, value, cut_iat, at, until) \
SELECT 'sid', r.value, NULL, $1, r.until FROM unnest($2::text[], $3::bigint[]) AS r (value, until) \
ON CONFLICT (kind, value) DO NOTHING";
