//! Tables of a SQLite file.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, QueryBuilder, Row as _, Sqlite};

use super::tables::{Kind, Table, ordered, quoted};
use super::{DOING, Value};
use crate::domain::outcome::Fault;
use crate::store::error::failed;

/// The most parameters of a statement (`SQLITE_MAX_VARIABLE_NUMBER`).
const PARAMETERS: usize = 32_766;

/// A connection of its own. One that writes leaves a single file: it has no write-ahead log.
pub(super) async fn connect(path: &Path, read_only: bool) -> Result<SqliteConnection, Fault> {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .row_buffer_size(1024)
        .disable_statement_logging();
    if !read_only {
        options = options.journal_mode(SqliteJournalMode::Delete);
    }
    options.connect().await.map_err(failed(DOING))
}

/// Every table, in the order of references.
pub(super) async fn tables(conn: &mut SqliteConnection) -> Result<Vec<Table>, Fault> {
    let columns = sqlx::query_as(
        "SELECT m.name, p.name, p.type FROM sqlite_master AS m, pragma_table_info(m.name) AS p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(failed(DOING))?;
    let references = sqlx::query_as(
        "SELECT m.name, f.\"table\" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f \
         WHERE m.type = 'table'",
    )
    .fetch_all(conn)
    .await
    .map_err(failed(DOING))?;
    // The types of the list of migrations are not those of the schema, and are not looked at.
    ordered(columns, references)
}

/// Every row of a table.
pub(super) fn rows<'c>(
    conn: &'c mut SqliteConnection,
    table: &'c Table,
) -> BoxStream<'c, Result<Vec<Value>, Fault>> {
    let query = sqlx::query(AssertSqlSafe(table.select())).persistent(false);
    let rows = query.fetch(conn);
    rows.map(move |row| row.and_then(|row| values(&row, table)).map_err(failed(DOING))).boxed()
}

fn values(row: &SqliteRow, table: &Table) -> Result<Vec<Value>, sqlx::Error> {
    let value = |(index, kind): (usize, Kind)| {
        let value = match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(index)?.map(Value::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Value::Text),
            Kind::Bytes | Kind::Boolean | Kind::Uuid => {
                row.try_get::<Option<Vec<u8>>, _>(index)?.map(Value::Bytes)
            }
        };
        Ok(value.unwrap_or(Value::Null))
    };
    table.columns.iter().map(|column| column.kind).enumerate().map(value).collect()
}

/// Writes rows.
pub(super) async fn insert(
    conn: &mut SqliteConnection,
    table: &Table,
    rows: &[Vec<Value>],
) -> Result<(), Fault> {
    let into = format!("INSERT INTO {} ({}) ", quoted(&table.name), table.column_list());
    for part in rows.chunks(PARAMETERS / table.columns.len().max(1)) {
        let mut query = QueryBuilder::<Sqlite>::new(&*into);
        query.push_values(part, |mut tuple, row| {
            for value in row {
                match value {
                    Value::Null => tuple.push_bind(None::<i64>),
                    Value::Integer(number) => tuple.push_bind(*number),
                    Value::Text(text) => tuple.push_bind(text.clone()),
                    Value::Bytes(bytes) => tuple.push_bind(bytes.clone()),
                };
            }
        });
        query.build().persistent(false).execute(&mut *conn).await.map_err(failed(DOING))?;
    }
    Ok(())
}
