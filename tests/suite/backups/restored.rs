//! `signet backup restore`: what it ends, what it undoes and says, and what it refuses.

use serde_json::json;
use sqlx::{Connection as _, Executor as _};

use super::{
    PASSWORD, about, backup, change, create_user, inhabited, log_in, manifest, mode, names, open,
    refresh, renamed, set_manifest,
};
use crate::cli::{Place, text};
use crate::support::process::Caller;
use crate::support::relying_party::Person;

/// The ids of the published keys.
async fn published(server: &crate::cli::Server) -> Vec<String> {
    let (status, body) = server.get("/.well-known/jwks.json", "").await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let keys = body["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The cookies of a sign-in at the pages.
async fn sign_in(base: &str, login: &str) -> String {
    let caller = caller(base);
    let person = Person::new(&caller, login);
    let page = person.get("/login").await;
    person.log_in(&page, PASSWORD).await.is(303);
    let cookies = person.cookies().into_iter();
    let cookies: Vec<String> = cookies.map(|(name, value)| format!("{name}={value}")).collect();
    cookies.join("; ")
}

fn caller(base: &str) -> Caller {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    Caller { base: base.to_owned(), client: client.build().unwrap() }
}

/// Whether a cookie is signed in.
async fn is_signed_in(base: &str, cookie: &str) -> bool {
    let caller = caller(base);
    let request = caller.client.get(format!("{base}/account")).header("cookie", cookie);
    caller.try_send(request).await.unwrap().status == 200
}

/// Everything that a restore is about, before and after.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_ends_every_session_and_says_what_it_undoes() {
    let place = inhabited();
    for login in ["ben", "cleo", "dan"] {
        create_user(&place, login);
    }
    let server = place.serve();
    let before = server.log_in("ada").await;
    let cookie = sign_in(&server.base, "ada").await;
    assert!(is_signed_in(&server.base, &cookie).await);
    let file = backup(&place);

    // Since the backup: one is disabled, one deleted, one has a new password, one is new; a key is retired, a client made.
    let (_, refreshed) = refresh(&server, text(&before, "refresh_token")).await;
    let after = server.log_in("ada").await;
    place.run(&["user", "disable", "ben"]).ok();
    place.run(&["user", "delete", "cleo", "--yes"]).ok();
    let args = ["user", "set-password", "dan", "--password-file", "-"];
    place.run_with(&args, b"another plaid sofa").ok();
    create_user(&place, "eve");
    place
        .run(&[
            "client",
            "create",
            "--client-id",
            "shop",
            "--name",
            "Shop",
            "--type",
            "web",
            "--redirect-uri",
            "https://shop.example/cb",
        ])
        .ok();
    let keys = published(&server).await;
    place.run(&["key", "retire", &keys[0], "--now", "--yes"]).ok();

    place.run(&about("restore", &file)).refused(2, &["--yes"]);
    let args = ["backup", "restore", file.to_str().unwrap(), "--yes"];
    place.run(&args).refused(75, &["Stop it first"]);
    assert_eq!(log_in(&server, "eve", PASSWORD).await, 200);
    drop(server);

    let restored = place.run(&args).ok();
    for line in [
        "users who were disabled, and can sign in again: ben",
        "users who were deleted, and exist again: cleo",
        "users who were created, and do not exist any more: eve",
        "users whose password is an earlier one again: dan",
        "clients that were created, changed or deleted: shop",
        &format!("signing keys that were retired, and are published again: {}", keys[0]),
        "Every session has ended",
    ] {
        assert!(restored.err.contains(line), "{line:?} is not in: {}", restored.err);
    }
    let row = restored.one();
    assert_eq!(
        row["undone"],
        json!({
            "disabled": ["ben"], "deleted": ["cleo"], "created": ["eve"], "passwords": ["dan"],
            "signing_keys": [keys[0]], "clients": ["shop"],
        })
    );
    assert_eq!(row["not_carried"], json!([]));
    let data = place.dir.path().join("data");
    assert_eq!(mode(&place.database()), 0o600);
    let kept = std::path::PathBuf::from(text(&row, "kept"));
    assert!(names(&data).contains(&kept.file_name().unwrap().to_str().unwrap().to_owned()));
    assert!(
        !names(&data).iter().any(|name| name.starts_with(".signet-work-")),
        "{:?}",
        names(&data)
    );
    // The database before is whole, with what was in its log.
    let mut old = open(&kept).await;
    let eve: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE login = 'eve'")
        .fetch_one(&mut old)
        .await
        .unwrap();
    assert_eq!(eve, 1);

    let server = place.serve();
    for tokens in [&before, &refreshed, &after] {
        assert_eq!(refresh(&server, text(tokens, "refresh_token")).await.0, 401);
        assert_eq!(server.get("/v1/me", text(tokens, "access_token")).await.0, 401);
    }
    assert!(!is_signed_in(&server.base, &cookie).await);
    for login in ["ada", "ben", "cleo", "dan", "root"] {
        assert_eq!(log_in(&server, login, PASSWORD).await, 200, "{login}");
    }
    assert_eq!(log_in(&server, "dan", "another plaid sofa").await, 401);
    assert_eq!(log_in(&server, "eve", PASSWORD).await, 401);
    let again = server.log_in("ada").await;
    assert_eq!(refresh(&server, text(&again, "refresh_token")).await.0, 200);
    let mut now = published(&server).await;
    now.sort();
    let mut then = keys.clone();
    then.sort();
    assert_eq!(now, then);
    let events = place.run(&["audit", "list", "--kind", "backup.restored"]).ok().rows();
    assert_eq!(events.len(), 1);
    // The restored database is backed up like any other.
    let next = backup(&place);
    place.run(&about("verify", &next)).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_users_and_retired_keys_are_carried_over() {
    let place = inhabited();
    create_user(&place, "ben");
    let file = backup(&place);
    let server = place.serve();
    place.run(&["user", "disable", "ben"]).ok();
    let keys = published(&server).await;
    for kid in &keys {
        place.run(&["key", "retire", kid, "--now", "--yes"]).ok();
    }
    drop(server);
    let file = file.to_str().unwrap();
    let args = ["backup", "restore", file, "--yes", "--carry", "disabled,retired"];
    let restored = place.run(&args).ok().one();
    assert_eq!(restored["undone"]["disabled"], json!(["ben"]));
    assert_eq!(restored["not_carried"], json!([]));
    let server = place.serve();
    assert_eq!(log_in(&server, "ben", PASSWORD).await, 401);
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
    let now = published(&server).await;
    assert!(now.len() >= 2 && !now.iter().any(|kid| keys.contains(kid)), "{now:?} {keys:?}");
    drop(server);
    place.run(&["backup", "restore", file, "--yes", "--carry", "everything"]).code(2);
}

/// A rule of the server is not broken by what is carried over.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_administrator_is_not_disabled_by_a_restore() {
    let place = inhabited();
    let file = backup(&place);
    place.administrator("deputy");
    place.run(&["user", "disable", "root"]).ok();
    let args = ["backup", "restore", file.to_str().unwrap(), "--yes", "--carry", "disabled"];
    let restored = place.run(&args).ok();
    assert!(restored.err.contains("Not carried over: root"), "{}", restored.err);
    let server = place.serve();
    assert_eq!(log_in(&server, "root", PASSWORD).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_restore_changes_nothing() {
    let place = inhabited();
    let file = backup(&place);
    let restore =
        |file: &std::path::Path| place.run(&["backup", "restore", file.to_str().unwrap(), "--yes"]);
    let data = place.dir.path().join("data");
    let before = (names(&data), std::fs::read(place.database()).unwrap());
    let unchanged = || {
        assert_eq!(names(&data), before.0);
        assert!(std::fs::read(place.database()).unwrap() == before.1, "the database has changed");
    };
    let damaged = renamed(&file, "damaged.db");
    change(&damaged, "UPDATE users SET login = 'eve' WHERE login = 'ada'").await;
    restore(&damaged).refused(7, &["rows of users"]);
    unchanged();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    restore(&file).refused(7, &["incomplete"]);
    unchanged();
    std::fs::write(&file, &bytes).unwrap();

    let newer = renamed(&file, "newer.db");
    change(
        &newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of the future', TRUE, x'00', 0)",
    )
    .await;
    restore(&newer).refused(78, &["newer Signet", "9999"]);
    unchanged();
    let foreign = renamed(&file, "foreign.db");
    change(&foreign, "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 3").await;
    restore(&foreign).refused(7, &["migration 0003"]);
    unchanged();
    let gone = file.with_file_name("gone.db");
    restore(&gone).refused(78, &["gone.db"]);
    unchanged();

    let elsewhere = Place::empty()
        .with("SIGNET_DATABASE_URL", "postgres://u@127.0.0.1:1/x")
        .run(&["backup", "restore", file.to_str().unwrap(), "--yes"]);
    elsewhere.refused(78, &["PostgreSQL", "signet db copy"]);
    restore(&file).ok();
}

/// A backup of an earlier version is migrated on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_earlier_schema_is_migrated() {
    let place = inhabited();
    let file = backup(&place);
    let old = renamed(&file, "old.db");
    change(
        &old,
        "DROP TABLE scheduled_jobs; DROP TABLE trusted_issuers; \
         DELETE FROM _sqlx_migrations WHERE version >= 34",
    )
    .await;
    let mut says = manifest(&old).await;
    says["schema"] = json!(33);
    for member in ["rows", "digests"] {
        for table in ["scheduled_jobs", "trusted_issuers"] {
            says[member].as_object_mut().unwrap().remove(table).unwrap();
        }
    }
    set_manifest(&old, &says).await;
    place.run(&about("verify", &old)).ok();
    create_user(&place, "late");
    let args = ["backup", "restore", old.to_str().unwrap(), "--yes"];
    let restored = place.run(&args).ok().one();
    assert_eq!(restored["backup"]["schema"], 33);
    assert_eq!(restored["undone"]["created"], json!(["late"]));
    let server = place.serve();
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
    let status = place.run(&["migrate", "status"]).ok().rows();
    assert!(status.iter().all(|step| step["applied"] == true), "{status:?}");
}

/// On a new machine there is only the backup and the master key.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_and_the_master_key_are_enough() {
    let place = inhabited();
    let file = backup(&place);
    let new = Place::empty();
    std::fs::create_dir(new.dir.path().join("data")).unwrap();
    let args = ["backup", "restore", file.to_str().unwrap(), "--yes"];
    new.run(&args).refused(78, &["no master key"]);
    assert!(!new.database().exists());
    std::fs::copy(place.dir.path().join("data/master.key"), new.dir.path().join("data/master.key"))
        .unwrap();
    let restored = new.run(&args).ok().one();
    assert_eq!((&restored["kept"], &restored["undone"]), (&json!(null), &json!(null)));
    let server = new.serve();
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
}

/// A reader keeps the log from being moved into the file, and the last commits with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_reads_is_not_replaced() {
    let place = inhabited();
    let file = backup(&place);
    let mut reader = super::open(&place.database()).await;
    reader.execute("BEGIN").await.unwrap();
    reader.execute("SELECT * FROM users").await.unwrap();
    create_user(&place, "late");
    let args = ["backup", "restore", file.to_str().unwrap(), "--yes"];
    let refused = place.run(&args).code(75);
    assert!(refused.err.contains("another process has"), "{}", refused.err);
    let kept = names(&place.dir.path().join("data"));
    assert!(!kept.iter().any(|name| name.contains("before-restore")), "{kept:?}");
    reader.close().await.unwrap();
    let server = place.serve();
    assert_eq!(log_in(&server, "late", PASSWORD).await, 200);
    drop(server);
    place.run(&args).ok();
}

/// A damaged database is replaced as well, and kept; what it had cannot be listed.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_replaced() {
    let place = inhabited();
    let file = backup(&place);
    let length = place.database().metadata().unwrap().len();
    std::fs::write(place.database(), vec![7; usize::try_from(length).unwrap()]).unwrap();
    let path = file.to_str().unwrap();
    let carried = ["backup", "restore", path, "--yes", "--carry", "disabled"];
    place.run(&carried).refused(78, &["cannot be read", "--carry"]);
    let restored = place.run(&["backup", "restore", path, "--yes"]).ok();
    assert!(restored.err.contains("cannot be read"), "{}", restored.err);
    let kept = restored.one();
    assert_eq!(std::fs::read(text(&kept, "kept")).unwrap()[0], 7);
    let server = place.serve();
    assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
}
