//! Tables of a PostgreSQL database.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::tables::{Column, Kind, OF_THE_FILE, Table, ordered, quoted};
use super::{DOING, Value};
use crate::domain::outcome::Fault;
use crate::store::error::failed;

/// The most parameters of a statement; the protocol counts them in 16 bits.
const PARAMETERS: usize = 60_000;

/// Every table of the schema whose columns have the types of Signet's tables, in the order of references.
pub(super) async fn tables(conn: &mut PgConnection) -> Result<Vec<Table>, Fault> {
    let mut columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text \
         FROM information_schema.columns AS c JOIN information_schema.tables AS t \
         ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
         WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'",
    )
    .persistent(false)
    .fetch_all(&mut *conn)
    .await
    .map_err(failed(DOING))?;
    let mut references: Vec<(String, String)> = sqlx::query_as(
        "SELECT f.relname::text, t.relname::text FROM pg_constraint AS k \
         JOIN pg_class AS f ON f.oid = k.conrelid JOIN pg_class AS t ON t.oid = k.confrelid \
         JOIN pg_namespace AS n ON n.oid = k.connamespace \
         WHERE k.contype = 'f' AND n.nspname = current_schema()",
    )
    .persistent(false)
    .fetch_all(conn)
    .await
    .map_err(failed(DOING))?;
    // Tables with other types are not Signet's: an extension, or the operator, has put them into the schema.
    let is_other = |kind: &str| Kind::named(kind).is_err();
    let others: BTreeSet<String> = columns
        .iter()
        .filter(|(table, _, kind)| is_other(kind) && !OF_THE_FILE.contains(&&**table))
        .map(|(table, ..)| table.clone())
        .collect();
    columns.retain(|(table, ..)| !others.contains(table));
    references.retain(|(from, to)| !others.contains(from) && !others.contains(to));
    ordered(columns, references)
}

/// Every row of a table.
pub(super) fn rows<'c>(
    conn: &'c mut PgConnection,
    table: &'c Table,
) -> BoxStream<'c, Result<Vec<Value>, Fault>> {
    let query = sqlx::query(AssertSqlSafe(table.select())).persistent(false);
    let rows = query.fetch(conn);
    rows.map(move |row| row.and_then(|row| values(&row, table)).map_err(failed(DOING))).boxed()
}

fn values(row: &PgRow, table: &Table) -> Result<Vec<Value>, sqlx::Error> {
    let value = |(index, kind): (usize, Kind)| {
        let value = match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(index)?.map(Value::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Value::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Value::Bytes),
            Kind::Boolean => row
                .try_get::<Option<bool>, _>(index)?
                .map(|is_true| Value::Integer(i64::from(is_true))),
            Kind::Uuid => row
                .try_get::<Option<Uuid>, _>(index)?
                .map(|id| Value::Bytes(id.as_bytes().to_vec())),
        };
        Ok(value.unwrap_or(Value::Null))
    };
    table.columns.iter().map(|column| column.kind).enumerate().map(value).collect()
}

/// Writes rows.
pub(super) async fn insert(
    conn: &mut PgConnection,
    table: &Table,
    rows: &[Vec<Value>],
) -> Result<(), Fault> {
    let into = format!("INSERT INTO {} ({}) ", quoted(&table.name), table.column_list());
    for part in rows.chunks(PARAMETERS / table.columns.len().max(1)) {
        let mut unfit = None;
        let mut query = QueryBuilder::<Postgres>::new(&*into);
        query.push_values(part, |mut tuple, row| {
            for (column, value) in table.columns.iter().zip(row) {
                match (column.kind, value) {
                    (Kind::Integer, Value::Integer(number)) => tuple.push_bind(*number),
                    (Kind::Integer, _) => tuple.push_bind(none::<i64>(value, column, &mut unfit)),
                    (Kind::Text, Value::Text(text)) => tuple.push_bind(text.clone()),
                    (Kind::Text, _) => tuple.push_bind(none::<String>(value, column, &mut unfit)),
                    (Kind::Bytes, Value::Bytes(bytes)) => tuple.push_bind(bytes.clone()),
                    (Kind::Bytes, _) => tuple.push_bind(none::<Vec<u8>>(value, column, &mut unfit)),
                    (Kind::Boolean, Value::Integer(0 | 1)) => {
                        tuple.push_bind(*value == Value::Integer(1))
                    }
                    (Kind::Boolean, _) => tuple.push_bind(none::<bool>(value, column, &mut unfit)),
                    (Kind::Uuid, value) => {
                        let id = id(value);
                        if id.is_none() {
                            let _: Option<Uuid> = none(value, column, &mut unfit);
                        }
                        tuple.push_bind(id)
                    }
                };
            }
        });
        if let Some(column) = unfit {
            return Err(Fault::internal("a value does not fit into the column of PostgreSQL")
                .with_source(format!("{}.{column}", table.name)));
        }
        query.build().persistent(false).execute(&mut *conn).await.map_err(failed(DOING))?;
    }
    Ok(())
}

/// NULL of a type. Any other value does not fit into the column, which is noted.
fn none<T>(value: &Value, column: &Column, unfit: &mut Option<String>) -> Option<T> {
    if *value != Value::Null {
        unfit.get_or_insert_with(|| column.name.clone());
    }
    None
}

fn id(value: &Value) -> Option<Uuid> {
    match value {
        Value::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
        _ => None,
    }
}
