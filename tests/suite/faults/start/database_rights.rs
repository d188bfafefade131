//! Roles with fewer rights than the owner of the database, unsuitable databases, and locks of other sessions.

use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use super::{is_refused, run};
use crate::support::postgres::{Cluster, as_role, execute, fresh_database};
use crate::support::process::Launch;
use crate::support::require;
use crate::support::server::PASSWORD;

fn on(url: &str) -> Launch {
    Launch::new().with("SIGNET_DATABASE_URL", url).with("SIGNET_MASTER_KEY", &"A".repeat(43))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_create_is_told_the_grant_to_type() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a role without CREATE");
    };
    let url = cluster.fresh_database().await;
    execute(&url, r#"CREATE ROLE "app-1" LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"#).await;
    let app = on(&as_role(&url, "app-1"));
    let grant = r#"GRANT USAGE, CREATE ON SCHEMA "public" TO "app-1";"#;
    is_refused(app.try_start().await, 78, &[grant, "signet migrate up"]);
    let (code, text) = run(&app, &["migrate", "up"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains(grant), "{text}");
    execute(&url, "REVOKE USAGE ON SCHEMA public FROM PUBLIC").await;
    is_refused(app.try_start().await, 78, &[r#"TO "app-1";"#, "any schema"]);
    execute(&url, grant).await;
    drop(app.start().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_and_write_rows_serves() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a role without CREATE");
    };
    let url = cluster.fresh_database().await;
    execute(&url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE app LOGIN").await;
    assert_eq!(run(&on(&url), &["migrate", "up"]).0, Some(0));
    let app = on(&as_role(&url, "app"));
    let grant =
        r#"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public" TO "app";"#;
    is_refused(app.try_start().await, 78, &[grant]);
    execute(&url, grant).await;
    for _ in 0..2 {
        let server = app.start().await;
        let account = json!({"login": "ada", "password": PASSWORD});
        let status = server.caller().post("/v1/register", &account).await.status;
        assert!([201, 409].contains(&status), "{status}");
        server.caller().post("/v1/login", &account).await.is(200);
    }
    let (code, text) = run(&app, &["migrate", "up"]);
    assert_eq!((code, text.contains("Nothing to apply")), (Some(0), true), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_encoding_is_refused() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "another encoding");
    };
    let url = cluster.fresh_database().await;
    execute(
        &url,
        "CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    .await;
    let mut plain = url::Url::parse(&url).unwrap();
    plain.set_path("plain");
    let plain = on(plain.as_str());
    is_refused(plain.try_start().await, 78, &["SQL_ASCII", "ENCODING 'UTF8'"]);
    assert_eq!(run(&plain, &["user", "list"]).0, Some(78));
}

/// Edited, interrupted, or of a build with other steps: compared by the text of the step, not by its number.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_not_the_one_known_is_refused_on_both_databases() {
    let sqlite = Launch::new();
    drop(sqlite.start().await);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(sqlite.database());
    for edit in [
        "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2",
        "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 2",
        "UPDATE _sqlx_migrations SET version = -2 WHERE version = 2",
    ] {
        let copy = sqlite.copied();
        let options = options.clone().filename(copy.database());
        let mut database: sqlx::SqliteConnection =
            sqlx::ConnectOptions::connect(&options).await.unwrap();
        database.execute(edit).await.unwrap();
        database.close().await.unwrap();
        is_refused(copy.try_start().await, 78, &["migration", "backup"]);
        for command in [&["user", "list"][..], &["migrate", "up"]] {
            assert_eq!(run(&copy, command).0, Some(78), "{edit}");
        }
    }
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "an edited migration");
    };
    let launch = on(&url);
    drop(launch.start().await);
    let edit = r"UPDATE _sqlx_migrations SET checksum = '\x00' WHERE version = 2";
    execute(&url, edit).await;
    is_refused(launch.try_start().await, 78, &["migration 0002", "backup"]);
    assert_eq!(run(&launch, &["migrate", "up"]).0, Some(78));
}

/// A backup holds a lock on every table while it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_meets_a_lock_is_tried_again_and_names_its_holder() {
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "a lock that another session holds");
    };
    // The table of migrations exists, so the first one has to wait for it.
    execute(
        &url,
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
         installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
         checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .await;
    let named = format!("{url}?application_name=pg_dump");
    let mut backup = PgConnection::connect(&named).await.unwrap();
    backup.execute("BEGIN").await.unwrap();
    backup.execute("LOCK TABLE _sqlx_migrations IN SHARE MODE").await.unwrap();
    let launch = on(&url).in_service();
    let words = ["another session holds", "pg_dump", "_sqlx_migrations"];
    is_refused(launch.try_start().await, 75, &words);
    let (code, text) = run(&launch, &["migrate", "up"]);
    assert_eq!(code, Some(75), "{text}");
    assert!(text.contains("pg_dump"), "{text}");
    backup.execute("ROLLBACK").await.unwrap();
    drop(launch.start().await);
}

/// Many at once on an empty database: one migrates, under a lock that needs no session, and all serve.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_together_migrate_once() {
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "starts at the same moment");
    };
    let launches: Vec<Launch> = (0..4).map(|_| on(&url)).collect();
    let started = futures_util::future::join_all(launches.iter().map(Launch::try_start)).await;
    for server in &started {
        assert!(server.is_ok(), "{:?}", server.as_ref().err());
    }
    let mut database = PgConnection::connect(&url).await.unwrap();
    // Of this database: other tests migrate other databases of the server.
    let locks: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_eq!(locks, 0, "a lock outlived the migration");
}
