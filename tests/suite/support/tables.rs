//! The tables of a server's database: row counts, and every row as text.

use sqlx::{PgPool, SqlitePool};

use super::Server;

/// Every row of a PostgreSQL database as JSON, with bytes in hexadecimal, as in a dump.
pub async fn rows_as_text(url: &str) -> String {
    let pool = PgPool::connect(url).await.unwrap();
    let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&pool).await.unwrap();
    let mut text = String::new();
    for name in names {
        let sql = format!("SELECT row_to_json(found)::text FROM \"{name}\" AS found");
        let rows = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql)).fetch_all(&pool);
        for row in rows.await.unwrap() {
            text.push_str(&format!("{name} {row}\n"));
        }
    }
    pool.close().await;
    text
}

/// The number of rows of each table by name, read on a separate connection.
pub async fn rows_of_tables(server: &Server) -> Vec<(String, i64)> {
    let mut counted = Vec::new();
    if let Some(url) = &server.database_url {
        let pool = PgPool::connect(url).await.unwrap();
        let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
        let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&pool).await.unwrap();
        for name in names {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM \"{name}\""));
            counted.push((name, sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()));
        }
        pool.close().await;
    } else {
        let path = server.dir.path().join("data/signet.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1";
        let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&pool).await.unwrap();
        for name in names {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM \"{name}\""));
            counted.push((name, sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()));
        }
        pool.close().await;
    }
    counted
}
