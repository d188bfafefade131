//! Reads the rows of many sessions in one statement.
//!
//! Owns how a set of ids is passed and how rows are returned. SQLite's driver passes each row between two threads,
//! which costs more than the read itself. So on SQLite one cell is returned, with one JSON array per line.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, Row as _, Sqlite};
use uuid::Uuid;

use crate::base::Id;
use crate::base::id::{Branch, Session};
use crate::base::opaque_token::TokenHash;
use crate::domain::outcome::Fault;

use super::Link;
use super::db::{Conn, with_deadline};
use super::error::failed;
use super::spent_ids::{as_array, as_json};

/// A statement in both dialects, in which `$1` is the set of ids.
pub struct Reading {
    /// The operation, for faults.
    pub doing: &'static str,
    /// SQLite's text: one cell, by `lines_of_sessions!`.
    pub sqlite: &'static str,
    /// The statement for PostgreSQL, with rows that begin with the columns of `session_columns!`.
    pub postgres: &'static str,
}

/// A kind of id for looking up sessions.
pub(super) trait Key: Sized {
    /// PostgreSQL's column.
    const COLUMN: &'static str;
    /// The position of its 32 digits in a line from SQLite: `[["sid","id",…`.
    const OFFSET: usize;
}

impl Key for Session {
    const COLUMN: &'static str = "sid";
    const OFFSET: usize = 3;
}

impl Key for Branch {
    const COLUMN: &'static str = "id";
    const OFFSET: usize = Session::OFFSET + 32 + 3;
}

/// The SQLite statement that reads sessions `s` by a key, their users `u` and these further columns: a line
/// for each, which begins with an array of the session, as in `session_row`.
macro_rules! lines_of_sessions {
    ($key:literal, $further:literal $(, $column:literal)?) => {
        concat!(
            "SELECT CAST(group_concat(json_array(",
            session_as_json!(),
            $further,
            "), char(10)) AS BLOB)",
            $($column,)?
            " FROM json_each($1) AS wanted \
             CROSS JOIN sessions s ON ", $key, " = unhex(wanted.value) \
             CROSS JOIN users u ON u.id = s.user_id"
        )
    };
}

pub(super) use lines_of_sessions;

/// The rows that were found, each with its key, or the error of decoding it.
pub(super) type Rows<K, T> = Vec<(Id<K>, Result<T, Fault>)>;

/// Reads the rows of `ids`. Missing ones are absent; a row that does not decode is its own fault and does not
/// affect others.
///
/// # Errors
/// When the database cannot be read at all.
pub(super) async fn read<K: Key, T>(
    link: &mut impl Link,
    reading: &Reading,
    ids: &[Id<K>],
) -> Result<Rows<K, T>, Fault>
where
    T: DeserializeOwned + for<'r> FromRow<'r, PgRow>,
{
    let deadline = link.deadline();
    match link.conn() {
        Conn::Sqlite(conn) => {
            let query =
                sqlx::query_scalar::<Sqlite, Option<Vec<u8>>>(reading.sqlite).bind(set(ids));
            let cell = with_deadline(deadline, reading.doing, query.fetch_one(conn)).await?;
            link.ended(false);
            Ok(of_lines(cell.as_deref()))
        }
        Conn::Postgres(conn) => {
            let query = sqlx::query::<Postgres>(reading.postgres).bind(sorted(ids));
            let rows = with_deadline(deadline, reading.doing, query.fetch_all(conn)).await?;
            link.ended(false);
            Ok(rows.iter().filter_map(of_row).collect())
        }
    }
}

/// The same with a second set in `$2`: hashes of ids of access tokens. Also returns which of them were spent, by
/// their positions in `hashes`, if any session was found. They are in the column `spent`: an array with positions
/// from 1 on PostgreSQL, a list with positions from 0 on SQLite.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_with_spent<K: Key, T>(
    link: &mut impl Link,
    reading: &Reading,
    ids: &[Id<K>],
    hashes: &[TokenHash],
) -> Result<(Rows<K, T>, HashSet<usize>), Fault>
where
    T: DeserializeOwned + for<'r> FromRow<'r, PgRow>,
{
    let deadline = link.deadline();
    match link.conn() {
        Conn::Sqlite(conn) => {
            let query = sqlx::query_as::<Sqlite, (Option<Vec<u8>>, Option<String>)>(reading.sqlite)
                .bind(set(ids))
                .bind(as_json(hashes));
            let (cell, spent) =
                with_deadline(deadline, reading.doing, query.fetch_one(conn)).await?;
            link.ended(false);
            let places = spent.iter().flat_map(|spent| spent.split(','));
            let places = places.map(str::parse).collect::<Result<_, _>>();
            Ok((of_lines(cell.as_deref()), places.map_err(|_| unreadable())?))
        }
        Conn::Postgres(conn) => {
            let query =
                sqlx::query::<Postgres>(reading.postgres).bind(sorted(ids)).bind(as_array(hashes));
            let rows = with_deadline(deadline, reading.doing, query.fetch_all(conn)).await?;
            link.ended(false);
            let spent = rows.first().map(|row| row.try_get::<Option<Vec<i64>>, _>("spent"));
            let spent = spent.transpose().map_err(failed(reading.doing))?.flatten();
            let places = spent.into_iter().flatten().map(|place| usize::try_from(place - 1));
            let places = places.collect::<Result<_, _>>().map_err(|_| unreadable())?;
            Ok((rows.iter().filter_map(of_row).collect(), places))
        }
    }
}

/// The rows of a cell of lines. A row with an unreadable id belongs to no caller. The cell is read as bytes,
/// because one text that is not UTF-8 would make all of it unreadable.
fn of_lines<K: Key, T: DeserializeOwned>(cell: Option<&[u8]>) -> Rows<K, T> {
    let lines = cell.into_iter().flat_map(|cell| cell.split(|byte| *byte == b'\n'));
    lines
        .filter_map(|line| {
            let row = serde_json::from_slice(line).map_err(|error| unreadable().with_source(error));
            id_of(line).map(|id| (id, row))
        })
        .collect()
}

fn of_row<K: Key, T: for<'r> FromRow<'r, PgRow>>(row: &PgRow) -> Option<(Id<K>, Result<T, Fault>)> {
    let read = T::from_row(row).map_err(failed("decoding a session row"));
    row.try_get(K::COLUMN).ok().map(|id| (id, read))
}

fn sorted<K>(ids: &[Id<K>]) -> Vec<Uuid> {
    let mut set: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    set.sort_unstable();
    set
}

fn unreadable() -> Fault {
    Fault::internal("decoding a session row")
}

/// The key in a line.
fn id_of<K: Key>(line: &[u8]) -> Option<Id<K>> {
    let digits = line.get(K::OFFSET..K::OFFSET + 32)?;
    Uuid::try_parse_ascii(digits).ok().map(Id::from_uuid)
}

/// A set of ids for SQLite: hexadecimal in a JSON array.
fn set<K>(ids: &[Id<K>]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid().simple()).collect();
    serde_json::to_string(&ids).unwrap_or_default()
}
