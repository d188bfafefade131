//! Reading the rows of many sessions in one statement.
//!
//! Owns how a set of ids goes in and how rows come out. The driver of SQLite carries each row, value
//! by value, from its thread to ours, and two threads that wake one another for every row cost more
//! than the reading does. So there one cell comes back: rows as lines, each line a JSON array.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, Row as _, Sqlite};
use uuid::Uuid;

use crate::base::id::SessionId;
use crate::domain::outcome::Fault;

use super::Link;
use super::db::{Conn, with_deadline};
use super::error::failed;

/// One statement in its two texts, in which `$1` is the set of ids.
pub struct Reading {
    /// What it is for.
    pub doing: &'static str,
    /// SQLite's text: one cell, by `lines_of_sessions!`.
    pub sqlite: &'static str,
    /// PostgreSQL's text: rows, the id of the session first.
    pub postgres: &'static str,
}

/// SQLite's text that reads sessions `s`, their users `u` and these further columns: a line for each, which
/// begins with an array of the session, as `session_row` has it.
macro_rules! lines_of_sessions {
    ($further:literal) => {
        concat!(
            "SELECT CAST(group_concat(json_array(",
            session_as_json!(),
            $further,
            "), char(10)) AS BLOB) \
             FROM json_each($1) AS wanted \
             CROSS JOIN sessions s ON s.id = unhex(wanted.value) \
             CROSS JOIN users u ON u.id = s.user_id"
        )
    };
}

pub(super) use lines_of_sessions;

/// What was found, by session: the row, or why it could not be understood.
pub(super) type Rows<T> = HashMap<SessionId, Result<T, Fault>>;

/// Reads the rows of `ids`. Missing ones are absent; a row that does not decode is a fault of its own
/// and spoils nobody else's.
///
/// # Errors
/// When the database cannot be read at all.
pub(super) async fn read<T>(
    link: &mut impl Link,
    reading: &Reading,
    ids: &[SessionId],
) -> Result<Rows<T>, Fault>
where
    T: DeserializeOwned + for<'r> FromRow<'r, PgRow>,
{
    let deadline = link.deadline();
    let mut found = HashMap::with_capacity(ids.len());
    // A row whose very id cannot be read belongs to nobody who asked.
    match link.conn() {
        Conn::Sqlite(conn) => {
            // Bytes: one text that is none would make a text of all of them unreadable.
            let query =
                sqlx::query_scalar::<Sqlite, Option<Vec<u8>>>(reading.sqlite).bind(set(ids));
            let cell = with_deadline(deadline, reading.doing, query.fetch_one(conn)).await?;
            for line in cell.iter().flat_map(|cell| cell.split(|byte| *byte == b'\n')) {
                let row =
                    serde_json::from_slice(line).map_err(|error| unreadable().with_source(error));
                found.extend(id_of(line).map(|id| (id, row)));
            }
        }
        Conn::Postgres(conn) => {
            let mut set: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
            set.sort_unstable();
            let query = sqlx::query::<Postgres>(reading.postgres).bind(set);
            for row in with_deadline(deadline, reading.doing, query.fetch_all(conn)).await? {
                let read = T::from_row(&row).map_err(failed("decoding a session row"));
                found.extend(row.try_get(0).ok().map(|id| (id, read)));
            }
        }
    }
    Ok(found)
}

fn unreadable() -> Fault {
    Fault::internal("decoding a session row")
}

/// The id a line begins with, whatever comes after it: `[["32 digits",…`.
fn id_of(line: &[u8]) -> Option<SessionId> {
    let digits = line.strip_prefix(b"[[\"")?.get(..32)?;
    Uuid::try_parse_ascii(digits).ok().map(SessionId::from_uuid)
}

/// A set of ids as SQLite takes it: hexadecimal in a JSON array.
fn set(ids: &[SessionId]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid().simple()).collect();
    serde_json::to_string(&ids).unwrap_or_default()
}
