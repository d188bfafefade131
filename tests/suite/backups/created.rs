//! `signet backup create` and `verify`: what a backup is, beside a server and under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use signet::domain::backup_schedule::BackupSchedule;
use sqlx::Connection as _;

use super::{about, backup, digest, inhabited, mode, name_of, names, open};
use crate::cli::{Place, members, text};
use crate::support::process::{Launch, until};
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_one_private_file_that_is_named_by_what_it_holds() {
    let place = inhabited();
    let server = place.serve();
    let created = place.run(&["backup", "create"]).ok();
    assert!(created.err.contains("Verified") && created.err.contains("SIGNET_BACKUP_RECIPIENTS"));
    let row = created.one();
    assert_eq!(members(&row), ["backup", "bytes", "file", "sealed"]);
    let file = std::path::PathBuf::from(text(&row, "file"));
    let directory = place.dir.path().join("data/backups");
    assert_eq!(file.parent(), Some(&*directory));
    assert_eq!(names(&directory).len(), 1, "{:?}", names(&directory));
    assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    let name = name_of(&file);
    assert_eq!(name.digest, digest(&file));
    assert_eq!(row["backup"]["schema"].as_i64(), Some(name.schema));
    assert_eq!(row["bytes"].as_u64(), Some(file.metadata().unwrap().len()));
    assert_eq!(row["sealed"], false);
    assert_eq!(row["backup"]["rows"]["users"], 2);
    assert_eq!(row["backup"]["signing_keys"].as_array().unwrap().len(), 2);

    let verified = place.run(&about("verify", &file)).ok().one();
    assert_eq!(verified, row["backup"]);
    assert_eq!(names(&directory).len(), 1, "{:?}", names(&directory));

    // The user who verifies it is in neither.
    assert_eq!(place.run(&["user", "list"]).ok().rows().len(), 2);
    let events = place.run(&["audit", "list", "--kind", "backup.created"]).ok().rows();
    assert_eq!(events.len(), 1);
    assert_eq!(text(&events[0], "detail"), file.file_name().unwrap().to_str().unwrap());
    assert_eq!(text(&events[0], "via"), "cli");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_server_are_neither_in_a_backup_nor_in_what_is_printed() {
    let place = inhabited().with("SIGNET_LOG", "trace");
    let key = std::fs::read_to_string(place.dir.path().join("data/master.key")).unwrap();
    let key = key.trim();
    let created = place.run(&["backup", "create"]).ok();
    let file = std::path::PathBuf::from(text(&created.one(), "file"));
    let verified = place.run(&about("verify", &file)).ok();
    let bytes = std::fs::read(&file).unwrap();
    use base64::Engine as _;
    let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key).unwrap();
    for secret in [key.as_bytes(), &*raw, PASSWORD.as_bytes(), b"plaid sofa under rain"] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
    for said in [&created.err, &created.out, &verified.err, &verified.out] {
        assert!(!said.contains(key), "{said}");
    }
}

#[test]
fn a_backup_goes_where_it_is_told() {
    let place = inhabited();
    let other = place.dir.path().join("elsewhere/deep");
    let created = place.run(&["backup", "create", "--to", other.to_str().unwrap()]).ok().one();
    assert!(text(&created, "file").starts_with(other.to_str().unwrap()), "{created}");
    assert_eq!(mode(&other), 0o700);
    assert!(!place.dir.path().join("data/backups").exists());
    let place = place.with("SIGNET_BACKUP_DIR", other.to_str().unwrap());
    backup(&place);
    assert_eq!(names(&other).len(), 2);

    // A file in the place of the directory.
    let file = place.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    place.run(&["backup", "create", "--to", file.to_str().unwrap()]).refused(78, &["file"]);
    // Nothing to copy yet.
    let empty = Place::empty();
    empty.run(&["backup", "create"]).refused(78, &["SIGNET_DATA_DIR"]);
    assert!(names(empty.dir.path()).is_empty());
}

#[test]
fn two_backups_at_once_are_both_whole() {
    let place = inhabited();
    let run = || place.run(&["backup", "create"]).ok().one();
    let made: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for row in &made {
        place.run(&["backup", "verify", text(row, "file")]).ok();
    }
    // Copies of the same second and content have one name; nothing unfinished is left.
    for name in names(&place.dir.path().join("data/backups")) {
        assert!(name.starts_with("signet-"), "{name}");
    }
}

/// The server answers everything while copies are made, and its log is short again afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_beside_a_busy_server() {
    const MIB: u64 = 1024 * 1024;
    let launch = Launch::new();
    let server = launch.start().await;
    let caller = server.caller();
    // Large enough that a copy takes a while.
    let mut database = open(&launch.database()).await;
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48) \
         INSERT INTO meta SELECT 'filler' || i, randomblob(1048576) FROM n",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (caller, stop) = (caller.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let account = json!({"login": format!("user{number}"), "password": PASSWORD});
                caller.post("/v1/register", &account).await.is(201);
                let first = caller.post("/v1/login", &account).await;
                let mut token = first.is(200).string("refresh_token");
                let mut answered = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer = caller.post("/v1/refresh", &json!({"refresh_token": token})).await;
                    token = answer.is(200).string("refresh_token");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let mut backup = launch.spawn(&["backup", "create"]);
    // Writes more than the log may keep, as fast as it can, while the copy is made.
    let mut written = 0;
    while backup.runs() || written < 80 {
        sqlx::query("UPDATE meta SET value = randomblob(1048576) WHERE name = 'filler1'")
            .execute(&mut database)
            .await
            .unwrap();
        written += 1;
    }
    assert_eq!(backup.ended().await, Some(0), "{}", backup.all_of_log());
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(answered > 0);
    database.close().await.unwrap();
    let log = format!("{}-wal", launch.database().display());
    let size = || std::fs::metadata(&log).map_or(0, |facts| facts.len());
    until("the log is cut", async || {
        let account = json!({"login": "user0", "password": PASSWORD});
        caller.post("/v1/login", &account).await.is(200);
        size() <= 64 * MIB
    })
    .await;
}

#[test]
fn schedules_that_are_shown_are_those_that_are_typed() {
    let place = Place::empty()
        .with("SIGNET_BACKUP_SCHEDULE", "daily@03:30")
        .with("SIGNET_BACKUP_KEEP", "3d2w");
    let shown = place.run(&["config", "show"]).ok().out;
    assert!(shown.contains("daily@03:30") && shown.contains("3d2w"), "{shown}");
    assert_eq!("daily@03:30".parse(), Ok(BackupSchedule::Daily { minute: 210 }));
    let wrong = Place::empty().with("SIGNET_BACKUP_SCHEDULE", "nightly");
    wrong.run(&["config", "check"]).code(78);
}
