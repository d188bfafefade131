//! PostgreSQL that cannot be reached yet, or not at all.

use rustix::process::Signal;

use super::{is_refused, run};
use crate::support::postgres::{Cluster, as_role, execute};
use crate::support::process::{Launch, until};
use crate::support::require;

fn on(url: &str, wait: &str) -> Launch {
    Launch::new().with("SIGNET_DATABASE_URL", url).with("SIGNET_DATABASE_WAIT", wait)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_exit_75_and_a_wrong_one_78() {
    for (url, words) in [
        ("postgres://u:hunter2@127.0.0.1:1/x", ["127.0.0.1:1", "SIGNET_DATABASE_URL"]),
        ("postgres://u:hunter2@db.invalid/x", ["db.invalid:5432", "SIGNET_DATABASE_WAIT"]),
    ] {
        let text = is_refused(on(url, "0s").try_start().await, 75, &words);
        assert!(!text.contains("hunter2"), "{text}");
        // A command does not wait: a person reads what it says.
        let (code, text) = run(&on(url, "1h"), &["user", "list"]);
        assert_eq!(code, Some(75), "{text}");
        let (code, text) = run(&on(url, "0s"), &["migrate", "up"]);
        assert_eq!(code, Some(75), "{text}");
    }
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a server that refuses");
    };
    let url = cluster.fresh_database().await;
    execute(&url, "CREATE ROLE full_up LOGIN CONNECTION LIMIT 0").await;
    let full = on(&as_role(&url, "full_up"), "0s");
    let words = ["no connection left", "SIGNET_DATABASE_CONNECTIONS"];
    is_refused(full.try_start().await, 75, &words);
    // What waiting does not help against is not waited for, however long that would be.
    let absent = format!("{}_absent", url);
    is_refused(on(&absent, "1h").try_start().await, 78, &["CREATE DATABASE", "does not exist"]);
    let stranger = on(&as_role(&url, "absent_role"), "1h");
    is_refused(stranger.try_start().await, 78, &["pg_hba.conf"]);
    // This server speaks no TLS.
    let secure = on(&format!("{url}?sslmode=require"), "1h");
    is_refused(secure.try_start().await, 78, &["sslmode"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_server_that_comes_and_says_so() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a server that is started late");
    };
    let url = cluster.fresh_database().await;
    cluster.stop_immediate().await;
    let launch = on(&url, "10m");
    let waiting = launch.spawn(&["serve"]);
    until("the start says that it waits", async || {
        waiting.log().contains("waiting for PostgreSQL")
    })
    .await;
    assert!(!launch.dir.path().join("data/master.key").exists(), "made before the server came");
    cluster.start_again().await;
    until("it serves", async || waiting.log().contains("\"event\":\"started\"")).await;
}

/// The supervisor may change its mind.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_can_be_stopped() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut waiting = on("postgres://u@127.0.0.1:1/x", "1h").spawn(&["serve"]);
        until("the start says that it waits", async || {
            waiting.log().contains("waiting for PostgreSQL")
        })
        .await;
        waiting.signal(signal);
        assert_eq!(waiting.ended().await, Some(0), "{}", waiting.log());
    }
}
