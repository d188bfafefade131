//! Whether a start may create a database, and its behaviour without space for one.

use rustix::process::Signal;

use super::{is_refused, run};
use crate::faults::disk::Small;
use crate::faults::history::keys;
use crate::support::process::{Launch, Process};
use crate::support::{postgres, require};

async fn stop(mut server: Process) {
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
}

fn key(launch: &Launch) -> std::path::PathBuf {
    launch.dir.path().join("data/master.key")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_the_start_passes_and_never_asks_for_a_backup() {
    let small = match Small::mount() {
        Ok(small) => small,
        Err(why) => return require::missing("tmpfs", &format!("mounting is not allowed: {why}")),
    };
    let data = small.path().join("data");
    let launch = Launch::new().with("SIGNET_DATA_DIR", data.to_str().unwrap());
    // Before there are any files: whatever the first start creates first has no space.
    std::fs::create_dir(&data).unwrap();
    small.fill();
    let text = is_refused(launch.try_start().await, 75, &["disk is full", data.to_str().unwrap()]);
    assert!(!text.contains("backup"), "{text}");
    std::fs::remove_file(small.filler()).unwrap();
    let server = launch.start().await;
    let public = keys(&server.caller()).await;
    stop(server).await;

    small.fill();
    let text = is_refused(launch.try_start().await, 75, &["disk is full", "Free some space"]);
    assert!(!text.contains("backup"), "{text}");
    let (code, text) = run(&launch, &["user", "list"]);
    assert_eq!(code, Some(75), "{text}");
    assert!(text.contains("disk is full") && !text.contains("backup"), "{text}");
    std::fs::remove_file(small.filler()).unwrap();
    assert_eq!(keys(&launch.start().await.caller()).await, public);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_without_its_sqlite_database_is_a_lost_database() {
    let launch = Launch::new();
    let server = launch.start().await;
    let public = keys(&server.caller()).await;
    stop(server).await;
    let before = std::fs::read(key(&launch)).unwrap();
    // With an existing database the flag is a conflict, so that it cannot stay in a unit.
    is_refused(launch.try_start_as(&["serve", "--new-database"]).await, 5, &["--new-database"]);
    for left in [None, Some(b"")] {
        std::fs::remove_file(launch.database()).unwrap();
        if let Some(left) = left {
            std::fs::write(launch.database(), left).unwrap();
        }
        let key = key(&launch);
        let words = [key.to_str().unwrap(), "--new-database", "backup", "SIGNET_DATA_DIR"];
        is_refused(launch.try_start().await, 78, &words);
        assert_eq!(launch.database().exists(), left.is_some(), "a refused start made a database");
        let begun = launch.start_as(&["serve", "--new-database"]).await;
        assert_ne!(keys(&begun.caller()).await, public, "the old keys without their database");
        stop(begun).await;
        is_refused(launch.try_start_as(&["serve", "--new-database"]).await, 5, &["exists"]);
        stop(launch.start().await).await;
        assert_eq!(std::fs::read(&key).unwrap(), before, "another master key");
    }
}

/// A key from a setting exists before the first start, and is no sign of an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_of_a_setting_is_no_sign_of_an_earlier_start() {
    let launch = Launch::new().with("SIGNET_MASTER_KEY", &"A".repeat(43));
    stop(launch.start().await).await;
    std::fs::remove_file(launch.database()).unwrap();
    stop(launch.start().await).await;
    assert!(!key(&launch).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_file_beside_an_unused_postgresql_database_is_a_lost_database() {
    let Some(used) = postgres::fresh_database().await else {
        return require::missing("postgres", "a database that was lost");
    };
    let empty = postgres::fresh_database().await.unwrap();
    let launch = Launch::new().with("SIGNET_DATABASE_URL", &used);
    stop(launch.start().await).await;
    is_refused(launch.try_start_as(&["serve", "--new-database"]).await, 5, &["--new-database"]);
    stop(launch.start().await).await;

    let lost = launch.with("SIGNET_DATABASE_URL", &empty);
    let key = key(&lost);
    is_refused(lost.try_start().await, 78, &[key.to_str().unwrap(), "--new-database"]);
    let (_, steps) = run(&lost, &["migrate", "status"]);
    assert!(steps.contains("signet migrate up"), "the refused start made tables: {steps}");
    stop(lost.start_as(&["serve", "--new-database"]).await).await;
    stop(lost.start().await).await;
}

/// A first start that fails at its schema has created no master key, so the next one is a first start too.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_failed_is_not_taken_for_a_lost_database() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "a first start that fails");
    };
    let launch = Launch::new().with("SIGNET_DATABASE_URL", &url);
    postgres::execute(&url, "CREATE TABLE users (id int)").await;
    assert!(launch.try_start().await.is_err(), "there was a table in its way");
    assert!(!key(&launch).exists(), "a failed start left a master key");
    postgres::execute(&url, "DROP TABLE users").await;
    stop(launch.start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_refuses_every_first_start_and_no_other() {
    let mut launches = vec![Launch::new()];
    match postgres::fresh_database().await {
        Some(url) => launches.push(Launch::new().with("SIGNET_DATABASE_URL", &url)),
        None => require::missing("postgres", "refusing first starts"),
    }
    for launch in launches {
        let never = launch.clone().with("SIGNET_NEW_DATABASE", "never");
        for arguments in [&["serve"][..], &["serve", "--new-database"]] {
            let started = never.try_start_as(arguments).await;
            is_refused(started, 78, &["SIGNET_NEW_DATABASE", "backup"]);
        }
        assert!(!key(&launch).exists() && !launch.database().exists());
        stop(launch.start().await).await;
        stop(never.start().await).await;
    }
    // A temporary demo has nothing to lose.
    stop(Launch::new().with("SIGNET_NEW_DATABASE", "never").start_as(&["dev"]).await).await;
}
