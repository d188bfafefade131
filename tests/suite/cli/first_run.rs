//! First run: what the binary creates, prints and refuses, and the temporary demo.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::process::{Launch, until};
use crate::support::server::PASSWORD;

#[track_caller]
fn refused(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The output of `signet` with these arguments.
fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_everything_and_says_so_and_later_ones_are_short() {
    let launch = Launch::new();
    let mut first = launch.start().await;
    let data = launch.dir.path().join("data");
    let path = first.setup_path().await;
    assert_eq!(mode(&data), 0o700);
    for name in ["master.key", "signet.db"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        first.until_logged(data.join(name).to_str().unwrap()).await;
    }
    for word in
        ["Issuer     ", "Discovery  ", "JWKS       ", "Console    ", "Back up the master key"]
    {
        first.until_logged(word).await;
    }
    // Each start prints a new link until there is an administrator.
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await, Some(0));
    let second = launch.start().await;
    let caller = second.caller();
    let fresh = second.setup_path().await;
    assert_ne!(fresh, path);
    assert!(!second.log().contains("First start"));

    let form = [("login", "ada"), ("password", PASSWORD)];
    // Opening a link does not use it up; both links are valid until one is used.
    for _ in 0..3 {
        caller.get(&fresh).await.is(200);
    }
    caller.form(&fresh, &form).await.is(200);
    caller.form(&fresh, &form).await.is(404);
    caller.form(&path, &form).await.is(404);
    let login = json!({"login": "ada", "password": PASSWORD, "scope": "signet:admin"});
    caller.post("/v1/login", &login).await.is(200);
    drop(second);
    let third = launch.start().await;
    assert!(!third.log().contains("/setup/"), "{}", third.log());
    let again = output(launch.command().args(["admin", "setup-link"]));
    refused(&again, 5, &["already an administrator"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_are_nothing_but_json() {
    let server = Launch::new().with("SIGNET_LOG_FORMAT", "json").start().await;
    server.setup_path().await;
    let login = json!({"login": "a\n{\"x\":1}", "password": "x"});
    server.caller().post("/v1/login", &login).await.is(401);
    let log = server.log();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started = events.iter().find(|event| event["event"] == "started").unwrap();
    for field in ["listen", "issuer", "discovery", "jwks_uri", "console", "created"] {
        assert!(!started[field].is_null(), "{field}: {started}");
    }
    assert!(events.iter().any(|event| event["event"] == "setup_required"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_is_wrong_and_what_to_type() {
    let launch = Launch::new();
    let data = launch.dir.path().join("data");
    let absolute = data.join("signet.db");
    let missing = output(launch.command().args(["user", "list"]));
    refused(&missing, 78, &[absolute.to_str().unwrap(), "SIGNET_DATA_DIR"]);
    assert!(!data.exists(), "a command made a data directory");

    let unknown = output(launch.command().env("SIGNET_LISSEN", "x"));
    refused(&unknown, 78, &["SIGNET_LISSEN", "SIGNET_LISTEN"]);
    let plain = output(launch.command().env("SIGNET_ISSUER", "http://auth.example.com"));
    refused(&plain, 78, &["http://auth.example.com", "SIGNET_INSECURE_HTTP"]);

    let server = launch.start().await;
    refused(&output(&mut launch.command()), 75, &[data.to_str().unwrap()]);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let busy = output(&mut Launch::new().with("SIGNET_LISTEN", &address).command());
    refused(&busy, 69, &[address.rsplit(':').next().unwrap(), "SIGNET_LISTEN"]);
    drop(server);

    // Without the master key, and with another one, the start is refused, and nothing is created or overwritten.
    let key = data.join("master.key");
    let right = std::fs::read_to_string(&key).unwrap();
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    std::fs::write(&key, wrong).unwrap();
    let said = output(&mut launch.command());
    refused(&said, 78, &[key.to_str().unwrap(), "SIGNET_MASTER_KEY"]);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), wrong);
    std::fs::remove_file(&key).unwrap();
    refused(&output(&mut launch.command()), 78, &[key.to_str().unwrap(), "backup"]);
    assert!(!key.exists(), "a new master key was made");
    std::fs::write(&key, right).unwrap();

    let database = sqlx::sqlite::SqliteConnectOptions::new().filename(&absolute);
    let pool = sqlx::SqlitePool::connect_with(database).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    refused(&output(&mut launch.command()), 78, &["newer Signet", "9999"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_variables_work_once() {
    let launch = Launch::new()
        .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
        .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
    let server = launch.start().await;
    let login = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    server.caller().post("/v1/login", &login).await.is(200);
    assert!(!server.log().contains("/setup/"));
    drop(server);
    let server = launch.with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "mallory").start().await;
    let login = json!({"login": "mallory", "password": PASSWORD});
    server.caller().post("/v1/login", &login).await.is(401);
}

/// Killed at a random moment of the first start, repeatedly: the next start completes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_is_completed_by_the_next() {
    for round in 0..15u64 {
        let launch = Launch::new();
        let mut child = launch.command().stderr(Stdio::null()).spawn().unwrap();
        // Not a synchronization: the kill must come at an arbitrary moment.
        tokio::time::sleep(Duration::from_millis(round * 13)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let server = launch.start().await;
        let caller = server.caller();
        let account = json!({"login": "ada", "password": PASSWORD});
        caller.post("/v1/register", &account).await.is(201);
        caller.post("/v1/login", &account).await.is(200);
    }
}

/// The commands that the demo prints work, and it leaves no files.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_as_printed() {
    let launch = Launch::new();
    let dir = launch.dir.path();
    let demo = launch.clone().with("TMPDIR", dir.to_str().unwrap());
    let mut server = demo.start_as(&["dev"]).await;
    until("the whole block", async || server.log().contains("Press Ctrl+C")).await;
    let log = server.log();
    let password = log.split("password  ").nth(1).unwrap().split(' ').next().unwrap();
    let body = json!({
        "login": "alice@example.test", "password": password,
        "audience": "https://api.example.com", "scope": "orders:read",
    });
    server.caller().post("/v1/login", &body).await.is(200);
    server.signal(Signal::INT);
    assert_eq!(server.ended().await, Some(0));
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "something was left behind");
    let open = output(launch.command().arg("dev").env("SIGNET_LISTEN", "0.0.0.0:0"));
    refused(&open, 78, &["loopback"]);
}
