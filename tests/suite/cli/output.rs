//! Standard output and exit codes: long lists, closed pipes, full disks, health checks.

use std::sync::Arc;

use serde_json::Value;
use signet::admin::users::{self, Create};
use signet::app::startup::{OpenPurpose, Startup};
use signet::base::{Clock as _, SystemClock};
use signet::config::{Config, Source};
use signet::crypto::random::SystemEntropy;
use signet::domain::attributes::Attributes;
use signet::domain::request_info::RequestInfo;
use signet::domain::user::Role;
use signet::domain::user_email::EmailChange;

use super::Place;

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_whole_or_page_by_page() {
    let place = Place::served();
    // More users than the largest page, created through the library, because a process for each would be slow.
    let pairs = [("SIGNET_ARGON2_MEMORY_KIB", "64"), ("SIGNET_ARGON2_ITERATIONS", "1")];
    let config = Config::from_source(&Source::from_pairs(place.dir.path(), &pairs)).unwrap().config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let app = Startup { config, clock, entropy, purpose: OpenPurpose::Administer }.open().await;
    let app = app.unwrap_or_else(|error| panic!("{error}")).app;
    for n in 0..205 {
        let login = format!("user{n:03}");
        let attributes = Attributes::default();
        let create = Create {
            login,
            password: None,
            name: None,
            email: EmailChange::default(),
            role: Role::User,
            attributes,
            must_change_password: false,
        };
        users::create(app.clone(), create, RequestInfo::cli(SystemClock.now())).await.unwrap();
    }
    app.db.close().await;

    let all = place.run(&["user", "list"]).ok();
    let ids: Vec<Value> = all.rows().iter().map(|user| user["id"].clone()).collect();
    assert_eq!((ids.len(), all.err.as_str()), (205, ""));
    let array: Value =
        serde_json::from_str(&place.run(&["user", "list", "-o", "json"]).ok().out).unwrap();
    assert_eq!(array.as_array().map(Vec::len), Some(205));
    let table = place.run(&["user", "list", "-o", "table"]).ok();
    assert_eq!(table.out.lines().count(), 206, "one header");

    let first = place.run(&["user", "list", "--limit", "203"]).ok();
    assert_eq!(first.rows().len(), 203);
    let cursor = first.err.trim_end().rsplit(' ').next().unwrap().to_owned();
    let last_id = ids[202].as_str().unwrap().to_owned();
    for after in [cursor, last_id] {
        let rest = place.run(&["user", "list", "--after", &after]).ok();
        let rest: Vec<Value> = rest.rows().iter().map(|user| user["id"].clone()).collect();
        assert_eq!(rest, ids[203..], "{after}");
    }
    place.run(&["user", "list", "--after", "x"]).refused(2, &["--after"]);
}

#[test]
fn health_is_an_exit_code() {
    let place = Place::empty();
    let server = place.serve();
    let base = server.base.clone();
    let alive = place.run(&["health", "--url", &base]).ok();
    assert_eq!(alive.out, "");
    let listen = base.trim_start_matches("http://").to_owned();
    let configured = Place::empty().with("SIGNET_LISTEN", &listen);
    configured.run(&["health"]).ok();
    let wrong = format!("{base}/nothing/here");
    place.run(&["health", "--url", &wrong]).refused(69, &["404"]);
    drop(server);
    configured.run(&["health"]).refused(69, &[&listen, "signet serve"]);
}

#[test]
fn outputs_that_are_closed_or_full_cause_no_panic() {
    let place = Place::served();
    place.administrator("ada");
    let commands: &[&[&str]] = &[
        &["user", "list"],
        &["user", "show", "ada", "-o", "json"],
        &["config", "example"],
        &["completions", "bash"],
        &["version"],
        &["--help"],
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(args).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{args:?}");

        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = place.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if *args != ["--help"] {
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.starts_with("error: the output cannot be written"), "{args:?}: {said}");
        }
    }
    // Standard error is closed as well.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = place.command(&["user", "show", "bob"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(3));
}
