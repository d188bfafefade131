//! The two schemas agree: same files, tables, columns and keys.

use std::collections::BTreeMap;
use std::path::Path;

use signet::store::{Db, migrate};

use crate::support::{LONG, postgres, require};

fn names(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn both_folders_have_the_same_files() {
    assert_eq!(names("sqlite"), names("postgres"));
    for (index, name) in names("sqlite").iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
    }
}

/// The schema in terms that both databases share.
type Schema = BTreeMap<String, Table>;

#[derive(Debug, PartialEq, Eq, Default)]
struct Table {
    /// Name, kind, whether it may be null; in order.
    columns: Vec<(String, &'static str, bool)>,
    key: Vec<String>,
    /// Columns of every other index, and whether it is unique.
    indexes: Vec<(Vec<String>, bool)>,
    /// Column, table it points to, what a deletion there does.
    references: Vec<(String, String, String)>,
}

/// A type in the terms of both databases.
fn kind(declared: &str) -> &'static str {
    match declared.to_lowercase().as_str() {
        "integer" | "bigint" | "boolean" => "number",
        "text" => "text",
        "blob" | "bytea" | "uuid" => "bytes",
        other => panic!("a type nobody agreed on: {other}"),
    }
}

async fn sqlite_schema(path: &Path) -> Schema {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut schema = Schema::new();
    for (table,) in tables {
        let mut found = Table::default();
        let mut key: Vec<(i64, String)> = Vec::new();
        let columns: Vec<(String, String, bool, i64)> = sqlx::query_as(
            "SELECT name, type, \"notnull\", pk FROM pragma_table_info($1) ORDER BY cid",
        )
        .bind(&table)
        .fetch_all(&pool)
        .await
        .unwrap();
        for (name, declared, required, position) in columns {
            if position > 0 {
                key.push((position, name.clone()));
            }
            found.columns.push((name, kind(&declared), !required));
        }
        key.sort();
        found.key = key.into_iter().map(|(_, name)| name).collect();
        let indexes: Vec<(String, bool, String)> =
            sqlx::query_as("SELECT name, \"unique\", origin FROM pragma_index_list($1)")
                .bind(&table)
                .fetch_all(&pool)
                .await
                .unwrap();
        for (index, unique, origin) in indexes {
            if origin == "pk" {
                continue;
            }
            let columns: Vec<(String,)> = sqlx::query_as(
                "SELECT coalesce(name, 'expression') FROM pragma_index_info($1) \
                     ORDER BY seqno",
            )
            .bind(&index)
            .fetch_all(&pool)
            .await
            .unwrap();
            found.indexes.push((columns.into_iter().map(|(name,)| name).collect(), unique));
        }
        found.indexes.sort();
        found.references = sqlx::query_as(
            "SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list($1) ORDER BY 1",
        )
        .bind(&table)
        .fetch_all(&pool)
        .await
        .unwrap();
        schema.insert(table, found);
    }
    pool.close().await;
    schema
}

async fn postgres_schema(url: &str) -> Schema {
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' \
         ORDER BY table_name, ordinal_position",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut schema = Schema::new();
    for (table, column, declared, nullable) in columns {
        let table = schema.entry(table).or_default();
        table.columns.push((column, kind(&declared), nullable));
    }
    let indexes: Vec<(String, Vec<String>, bool, bool)> = sqlx::query_as(
        "SELECT t.relname::text, array_agg(coalesce(a.attname::text, 'expression') \
         ORDER BY k.position), \
         i.indisunique, i.indisprimary FROM pg_index i \
         JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema() \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, position) \
         LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
         WHERE t.relname NOT LIKE '\\_sqlx%' GROUP BY t.relname, i.indexrelid, i.indisunique, \
         i.indisprimary",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (table, columns, unique, primary) in indexes {
        let table = schema.get_mut(&table).unwrap();
        if primary {
            table.key = columns;
        } else {
            table.indexes.push((columns, unique));
        }
    }
    let references: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT t.relname::text, a.attname::text, f.relname::text, \
         CASE c.confdeltype WHEN 'c' THEN 'CASCADE' ELSE c.confdeltype::text END \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
         JOIN pg_class f ON f.oid = c.confrelid \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
         WHERE c.contype = 'f' ORDER BY 2",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (table, column, target, action) in references {
        schema.get_mut(&table).unwrap().references.push((column, target, action));
    }
    for table in schema.values_mut() {
        table.indexes.sort();
    }
    pool.close().await;
    schema
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("schema.db");
    let db = Db::sqlite(&path, true, LONG).await.unwrap();
    assert_eq!(migrate::status(&db).await.unwrap().applied, 0);
    migrate::up(&db).await.unwrap();
    // A second run changes nothing.
    migrate::up(&db).await.unwrap();
    let status = migrate::status(&db).await.unwrap();
    assert_eq!(status.applied, status.known);
    assert!(migrate::steps(&db).await.unwrap().iter().all(|step| step.applied));
    db.close().await;
    let sqlite = sqlite_schema(&path).await;
    assert!(sqlite.len() >= 11, "{:?}", sqlite.keys());

    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "comparing the two schemas");
    };
    let db = Db::postgres(&url, 16, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    migrate::up(&db).await.unwrap();
    db.close().await;
    let postgres = postgres_schema(&url).await;
    assert_eq!(
        sqlite.keys().collect::<Vec<_>>(),
        postgres.keys().collect::<Vec<_>>(),
        "the tables differ"
    );
    for (table, found) in &sqlite {
        assert_eq!(found, &postgres[table], "{table} differs");
    }
}

/// A step may rewrite a large table, which the deadline of statements would interrupt.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_may_take_its_time() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "migrating without a deadline");
    };
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION hurried() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF current_setting('statement_timeout') <> '0' THEN RAISE 'a deadline'; END IF; END $$; \
         CREATE EVENT TRIGGER hurried ON ddl_command_start EXECUTE FUNCTION hurried()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut hurried = pool.acquire().await.unwrap();
    let refused = sqlx::raw_sql("SET statement_timeout = 5000; CREATE TABLE hurried (id int)");
    let refused = refused.execute(&mut *hurried).await.unwrap_err().to_string();
    assert!(refused.contains("a deadline"), "{refused}");
    let db = Db::postgres(&url, 16, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let status = migrate::status(&db).await.unwrap();
    assert_eq!(status.applied, status.known);
    db.close().await;
}
