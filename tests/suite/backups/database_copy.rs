//! `signet db copy`: from SQLite to PostgreSQL and back, with the same rows.

use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use super::{PASSWORD, create_user, inhabited, log_in, names, open, refresh};
use crate::cli::{Place, text};
use crate::support::{postgres, require};

async fn fresh(what: &str) -> Option<String> {
    let url = postgres::fresh_database().await;
    if url.is_none() {
        require::missing("postgres", what);
    }
    url
}

fn key(place: &Place) -> String {
    std::fs::read_to_string(place.dir.path().join("data/master.key")).unwrap().trim().to_owned()
}

/// Every value survives both ways: no value, text of other scripts, 64 KiB of claims, bytes, booleans; and sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_there_and_back_has_every_value() {
    let Some(url) = fresh("copies of databases").await else { return };
    let place = inhabited();
    create_user(&place, "ben");
    let server = place.serve();
    let tokens = server.log_in("ada").await;
    drop(server);
    let mut database = open(&place.database()).await;
    let claims = json!({ "long": "ß🗝".repeat(10_000) }).to_string();
    assert!(claims.len() > 60_000);
    sqlx::query("UPDATE users SET claims = $1, name = $2 WHERE login = 'ben'")
        .bind(&claims)
        .bind("Ben \\N \\x00 \t\n\r\"' 🦀 \u{1}")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let before = super::backup(&place);
    let before = super::manifest(&before).await;

    let there = place.run(&["db", "copy", "--to", &url]).ok().one();
    assert!(there["rows"].as_i64().unwrap() > 10 && there["tables"].as_i64().unwrap() > 40);
    let on_postgres =
        Place::empty().with("SIGNET_DATABASE_URL", &url).with("SIGNET_MASTER_KEY", &key(&place));
    let back = place.dir.path().join("back.db");
    let to = format!("sqlite://{}", back.display());
    let again = on_postgres.run(&["db", "copy", "--to", &to]).ok().one();
    assert_eq!(again["tables"], there["tables"]);
    assert_eq!(again["rows"], there["rows"]);
    assert_eq!(super::mode(&back), 0o600);

    // The same rows as before, table by table; only the audit trail knows the backup.
    let returned =
        Place::empty().with("SIGNET_DATABASE_URL", &to).with("SIGNET_MASTER_KEY", &key(&place));
    let after = super::manifest(&super::backup(&returned)).await;
    let digests = before["digests"].as_object().unwrap();
    assert!(digests.len() > 40);
    for (table, digest) in digests {
        if !["audit_events", "processes", "scheduled_jobs"].contains(&&**table) {
            assert_eq!(after["digests"][table], *digest, "{table}");
        }
    }
    // Sessions go on.
    let server = returned.serve();
    assert_eq!(refresh(&server, text(&tokens, "refresh_token")).await.0, 200);
    assert_eq!(log_in(&server, "ben", PASSWORD).await, 200);
}

/// A target that changes what is written is found out, and nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_row_is_found() {
    let Some(url) = fresh("tampered copies").await else { return };
    let place = inhabited();
    let target = Place::empty().with("SIGNET_DATABASE_URL", &url);
    target.run(&["migrate", "up"]).ok();
    let mut database = PgConnection::connect(&url).await.unwrap();
    database
        .execute(sqlx::raw_sql(
            "CREATE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF NEW.login = 'ada' THEN NEW.name := 'Eve'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER tamper BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION tamper()",
        ))
        .await
        .unwrap();
    place.run(&["db", "copy", "--to", &url]).refused(7, &["rows of users"]);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0);
    database.execute("DROP TRIGGER tamper ON users").await.unwrap();
    // It is still new, so the copy succeeds now.
    place.run(&["db", "copy", "--to", &url]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_database_at_rest_is_copied_into_a_new_one() {
    let Some(url) = fresh("refused copies").await else { return };
    let place = inhabited();
    let sqlite = format!("sqlite://{}", place.database().display());
    let server = place.serve();
    place.run(&["db", "copy", "--to", &url]).refused(75, &["Stop it first"]);
    drop(server);
    place.run(&["db", "copy", "--to", &url]).ok();
    place.run(&["db", "copy", "--to", &url]).refused(5, &["in use"]);

    let on_postgres =
        Place::empty().with("SIGNET_DATABASE_URL", &url).with("SIGNET_MASTER_KEY", &key(&place));
    let server = on_postgres.serve();
    let to = format!("sqlite://{}", on_postgres.dir.path().join("copy.db").display());
    on_postgres.run(&["db", "copy", "--to", &to]).refused(75, &["serves the database"]);
    drop(server);
    // A server that was killed is forgotten after a minute; here at once.
    let mut database = PgConnection::connect(&url).await.unwrap();
    database.execute("DELETE FROM processes").await.unwrap();
    on_postgres.run(&["db", "copy", "--to", &sqlite]).refused(5, &["in use"]);

    place.run(&["db", "copy"]).code(2);
    place.run(&["db", "copy", "--to", &sqlite]).refused(2, &["same kind"]);
    place.run(&["db", "copy", "--to", "mysql://x"]).refused(2, &["--to"]);
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    let refused = place.run(&["db", "copy", "--to", nowhere]);
    assert!(matches!(refused.code, Some(75 | 78)), "{refused:?}");
    let gone = Place::empty();
    gone.run(&["db", "copy", "--to", &url]).refused(78, &["SIGNET_DATA_DIR"]);
    let left = names(on_postgres.dir.path());
    assert!(!left.iter().any(|name| name.ends_with(".db")), "{left:?}");
}

/// A backup is restored, which ends its sessions. As the source of a copy they would be valid again, and a server that
/// opened it would change the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_not_taken_for_a_database() {
    let Some(url) = fresh("copies of backups").await else { return };
    let place = inhabited();
    let file = super::backup(&place);
    let before = std::fs::read(&file).unwrap();
    let backup = format!("sqlite://{}", file.display());
    let copied = place.run(&["db", "copy", "--from", &backup, "--to", &url]);
    copied.refused(78, &["is a backup", "signet backup restore"]);
    let verified = place.run(&["backup", "verify", "--database", &backup]);
    verified.refused(78, &["is a backup", "signet backup restore"]);
    assert!(std::fs::read(&file).unwrap() == before, "the backup was changed");
}

/// Its server may be of an earlier version, which could not read the schema of this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_not_migrated() {
    let Some(url) = fresh("copies into an older database").await else { return };
    let on_postgres = Place::empty().with("SIGNET_DATABASE_URL", &url);
    drop(on_postgres.serve());
    let mut database = PgConnection::connect(&url).await.unwrap();
    let older = "DELETE FROM processes; DROP TABLE scheduled_jobs; \
                 DELETE FROM _sqlx_migrations WHERE version = 35";
    database.execute(sqlx::raw_sql(older)).await.unwrap();
    let place = inhabited();
    place.run(&["db", "copy", "--to", &url]).refused(5, &["in use"]);
    let found: Option<String> = sqlx::query_scalar("SELECT to_regclass('scheduled_jobs')::text")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(found, None);
}

/// PostgreSQL has no texts with a NUL. Where SQLite has one, the table is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_postgresql_cannot_hold_is_named() {
    let Some(url) = fresh("texts with a NUL").await else { return };
    let place = inhabited();
    super::change(&place.database(), "UPDATE users SET name = 'a' || char(0) || 'b'").await;
    let refused = place.run(&["db", "copy", "--to", &url]);
    assert!(refused.code != Some(0) && refused.err.contains("users"), "{refused:?}");
    super::change(&place.database(), "UPDATE users SET name = NULL").await;
    place.run(&["db", "copy", "--to", &url]).ok();
}
