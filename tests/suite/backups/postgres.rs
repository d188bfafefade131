//! Backups of a PostgreSQL database: SQLite files of the same form, without what a restore would end.

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use super::{PASSWORD, about, create_user, log_in, mode, refresh};
use crate::cli::{Place, text};
use crate::support::{Backend, postgres, require};

/// A place on PostgreSQL with users; nothing where there is none.
async fn on_postgres(what: &str) -> Option<Place> {
    if !postgres::is_there().await {
        require::missing("postgres", what);
        return None;
    }
    let place = Place::served_on(Backend::Postgres).await;
    place.administrator("root");
    create_user(&place, "ada");
    Some(place)
}

fn counts(row: &Value) -> (Value, Value) {
    (row["rows"].clone(), row["digests"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_postgresql_is_restored_into_sqlite_and_back() {
    let Some(place) = on_postgres("backups of PostgreSQL").await else { return };
    let server = place.serve();
    let tokens = server.log_in("ada").await;
    // Ids that were used once must not be usable again; tables of others in the schema are not copied.
    let mut database = PgConnection::connect(&place.setting("SIGNET_DATABASE_URL")).await.unwrap();
    let others = "INSERT INTO spent_ids (hash, expires_at) VALUES ('\\x07', 9999999999999); \
                  CREATE TABLE of_others (at timestamptz); CREATE TABLE more (n bigint)";
    database.execute(sqlx::raw_sql(others)).await.unwrap();
    let created = place.run(&["backup", "create"]).ok().one();
    assert_eq!(created["backup"]["rows"]["spent_ids"], 1);
    assert_eq!(created["backup"]["rows"]["more"], Value::Null);
    let file = PathBuf::from(text(&created, "file"));
    assert_eq!(mode(&file), 0o600);
    let manifest = &created["backup"];
    assert_eq!((&manifest["rows"]["users"], &manifest["rows"]["sessions"]), (&json!(2), &json!(0)));
    assert_eq!(counts(&place.run(&about("verify", &file)).ok().one()), counts(manifest));
    let events = place.run(&["audit", "list", "--kind", "backup.created"]).ok().rows();
    assert_eq!(events.len(), 1);
    drop(server);

    // Into SQLite, on a machine that has the master key.
    let sqlite = Place::empty();
    std::fs::create_dir(sqlite.dir.path().join("data")).unwrap();
    let key = |place: &Place| place.dir.path().join("data/master.key");
    std::fs::copy(key(&place), key(&sqlite)).unwrap();
    sqlite.run(&["backup", "restore", file.to_str().unwrap(), "--yes"]).ok();
    let server = sqlite.serve();
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
    assert_eq!(refresh(&server, text(&tokens, "refresh_token")).await.0, 401);
    drop(server);

    // And back, into an empty PostgreSQL database.
    let url = postgres::fresh_database().await.unwrap();
    let copied = sqlite.run(&["db", "copy", "--to", &url]);
    assert!(copied.ok().one()["rows"].as_i64().unwrap() > 0);
    let back = Place::empty().with("SIGNET_DATABASE_URL", &url);
    std::fs::create_dir(back.dir.path().join("data")).unwrap();
    std::fs::copy(key(&place), key(&back)).unwrap();
    let server = back.serve();
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
}

/// A database that was restored in another way is verified as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_verified_without_a_backup() {
    let Some(place) = on_postgres("verifying a PostgreSQL database").await else { return };
    let url = place.setting("SIGNET_DATABASE_URL");
    let verified = place.run(&["backup", "verify", "--database", &url]).ok().one();
    assert_eq!(verified["rows"]["users"], 2);
    let left = super::names(&place.dir.path().join("data/backups"));
    assert!(left.is_empty(), "{left:?}");
    let sqlite = super::inhabited();
    let database = format!("sqlite://{}", sqlite.database().display());
    let verified = sqlite.run(&["backup", "verify", "--database", &database]).ok().one();
    assert_eq!(verified["rows"]["users"], 2);
    place.run(&["backup", "verify", "--database", &database]).refused(7, &["another master key"]);
    place.run(&["backup", "verify", "--database", "mysql://x"]).refused(2, &["--database"]);
}
