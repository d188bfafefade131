//! Spent ids: of presented client assertions and DPoP proofs, and of revoked access tokens.

use crate::base::Timestamp;
use crate::base::opaque_token::TokenHash;
use crate::domain::outcome::Fault;
use crate::execute;

use super::db::{Conn, count_statement, with_deadline};
use super::{Link, Tx};

/// Spends an id until `expires_at`. False when it was spent before.
///
/// # Errors
/// When the database cannot be written.
pub async fn spend(tx: &mut Tx, id: &TokenHash, expires_at: Timestamp) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO spent_ids (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
        id.bytes(),
        expires_at
    )?;
    Ok(rows == 1)
}

/// Whether any of these ids was spent, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn any_spent(link: &mut impl Link, ids: &[TokenHash]) -> Result<bool, Fault> {
    count_statement();
    let doing = "reading spent ids";
    let deadline = link.deadline();
    let found: Option<(i64,)> = match link.conn() {
        Conn::Sqlite(conn) => {
            let query = sqlx::query_as::<sqlx::Sqlite, _>(
                "SELECT expires_at FROM spent_ids \
                 WHERE hash IN (SELECT unhex(value) FROM json_each($1)) LIMIT 1",
            );
            with_deadline(deadline, doing, query.bind(as_json(ids)).fetch_optional(conn)).await?
        }
        Conn::Postgres(conn) => {
            let query = sqlx::query_as::<sqlx::Postgres, _>(
                "SELECT expires_at FROM spent_ids WHERE hash = ANY($1) LIMIT 1",
            );
            with_deadline(deadline, doing, query.bind(as_array(ids)).fetch_optional(conn)).await?
        }
    };
    link.ended(false);
    Ok(found.is_some())
}

/// A set of ids for SQLite: hexadecimal in a JSON array.
pub(super) fn as_json(ids: &[TokenHash]) -> String {
    let mut text = String::with_capacity(2 + ids.len() * 67);
    text.push('[');
    for (at, id) in ids.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        for byte in id.digest() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text.push('"');
    }
    text.push(']');
    text
}

/// A set of ids for PostgreSQL.
pub(super) fn as_array(ids: &[TokenHash]) -> Vec<Vec<u8>> {
    ids.iter().map(TokenHash::bytes).collect()
}
