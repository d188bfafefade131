//! Stopping, and the cost of a start.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::postgres::Cluster;
use crate::support::process::{Launch, until};
use crate::support::require;
use crate::support::server::PASSWORD;

/// A log-in whose body the server is waiting for, which its response 100 shows (RFC 9110 §10.1.1): a
/// connection that no worker has accepted may be closed.
async fn begun(address: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// A request that was begun is completed; new ones are refused; the exit code is 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_outlives_sigterm() {
    let launch = Launch::new();
    let mut server = launch.start().await;
    let caller = server.caller();
    let account = json!({"login": "ada", "password": PASSWORD});
    caller.post("/v1/register", &account).await.is(201);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();

    let body = account.to_string();
    let (half, rest) = body.split_at(body.len() / 2);
    let mut slow = begun(&address, body.len()).await;
    slow.write_all(half.as_bytes()).await.unwrap();
    drop(caller);
    server.signal(Signal::TERM);
    until("no new connections", async || TcpStream::connect(&address).await.is_err()).await;
    slow.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("srt_"), "{answer}");
    assert_eq!(server.ended().await, Some(0), "{}", server.log());

    // Every response during the stop is stored, and nothing has to be repaired.
    let wal = launch.database().with_extension("db-wal");
    assert_eq!(wal.metadata().map_or(0, |facts| facts.len()), 0, "the log was not folded in");
    let (_, token) = answer.split_once("srt_").unwrap();
    let token = format!("srt_{}", token.split('"').next().unwrap());
    let server = launch.start().await;
    server.caller().post("/v1/refresh", &json!({"refresh_token": token})).await.is(200);
}

/// A second signal ends the wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_at_once() {
    let mut server = Launch::new().start().await;
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let slow = begun(&address, 50).await;
    server.signal(Signal::TERM);
    until("no new connections", async || TcpStream::connect(&address).await.is_err()).await;
    server.signal(Signal::INT);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    // The request that the first signal waits for was in flight until the end: its own deadline and that of
    // the stop are longer than the test waits.
    drop(slow);
}

/// A database that does not respond prevents no stop, whatever was in progress.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_does_not_keep_a_process_from_ending() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "ending while the database is frozen");
    };
    let database = cluster.fresh_database().await;
    let mut server =
        Launch::new().with("SIGNET_DATABASE_URL", &database).soon_gives_up().start().await;
    let caller = server.caller();
    let account = json!({"login": "ada", "password": PASSWORD});
    caller.post("/v1/register", &account).await.is(201);
    let frozen = cluster.freeze().await;
    caller.post("/v1/login", &account).await.is(503);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    drop(frozen);
}

/// A file that others may write is not read; once only its owner can write it, it is.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_others_may_write_are_refused() {
    let launch = Launch::new().without("SIGNET_ISSUER");
    let file = launch.dir.path().join(".env");
    std::fs::write(&file, "SIGNET_ISSUER=http://localhost:4711\n").unwrap();
    for mode in [0o666, 0o620, 0o602] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = launch.command().output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{text}");
        for word in [file.to_str().unwrap(), "chmod 600", &format!("{mode:04o}")] {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
        assert!(!launch.dir.path().join("data").exists());
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = launch.start().await;
    let discovery = server.caller().get("/.well-known/openid-configuration").await.is(200).json();
    assert_eq!(discovery["issuer"], "http://localhost:4711");
}

/// Prints the cost of a start; only values independent of the machine are asserted.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_quick_and_small() {
    let launch = Launch::new();
    for what in ["first", "second"] {
        let began = Instant::now();
        let server = launch.start().await;
        server.caller().get("/.well-known/jwks.json").await.is(200);
        let (time, memory) = (began.elapsed(), server.resident_kib());
        eprintln!("{what} start: {time:?} to the first answer, {memory} KiB resident");
        assert!(memory < 60 * 1024, "{memory} KiB resident");
    }
}
