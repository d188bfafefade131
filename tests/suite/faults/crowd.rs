//! Many connections: idle ones, slow ones, endless requests. Regular clients are served meanwhile, and
//! afterwards the process has its earlier size.
//!
//! `SIGNET_TEST_CONNECTIONS` is the number of idle connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::process::{Launch, PATIENCE, Process, until};
use crate::support::require;
use crate::support::server::PASSWORD;

const GROWTH_KIB: u64 = 50 * 1024;

/// A client that makes regular requests.
struct Guest<'s> {
    server: &'s Process,
    refresh: String,
}

impl<'s> Guest<'s> {
    async fn arrive(server: &'s Process) -> Self {
        let caller = server.caller();
        let account = json!({"login": "ada", "password": PASSWORD});
        caller.post("/v1/register", &account).await.is(201);
        let refresh = caller.post("/v1/login", &account).await.is(200).string("refresh_token");
        Self { server, refresh }
    }

    /// On a new connection: every request must get a response.
    async fn is_served(&mut self) {
        let caller = self.server.caller();
        caller.get("/.well-known/jwks.json").await.is(200);
        let answer = caller.post("/v1/refresh", &json!({"refresh_token": self.refresh})).await;
        self.refresh = answer.is(200).string("refresh_token");
        let account = json!({"login": "ada", "password": PASSWORD});
        // A busy machine may be too slow for a hash: then the client gets 503, and tries again.
        until("the guest is logged in", async || {
            let answer = caller.post("/v1/login", &account).await;
            assert!([200, 503].contains(&answer.status), "{}", answer.text);
            answer.status == 200
        })
        .await;
    }
}

fn address(server: &Process) -> SocketAddr {
    server.base.strip_prefix("http://").unwrap().parse().unwrap()
}

/// A connection from the loopback address 127.0.0.`host`.
async fn connect(server: &Process, host: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
    socket.connect(address(server)).await
}

/// Sends `head`, then a byte every now and then, until the server closes. Returns when that was.
async fn dawdle(server: &Process, head: &str, more: &[u8]) -> Duration {
    let mut stream = connect(server, 2).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let ended = async {
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
        rest
    };
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if writer.write_all(more).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let both = async {
        tokio::select! { rest = ended => rest, () = dripping => Vec::new() }
    };
    let rest = tokio::time::timeout(PATIENCE, both)
        .await
        .unwrap_or_else(|_| panic!("never turned out: {head:?}"));
    let text = String::from_utf8_lossy(&rest);
    let told = text.starts_with("HTTP/1.1 4") || text.contains("{\"status\":\"ok\"}");
    assert!(text.is_empty() || told, "{text}");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_requests_are_closed_and_others_are_served() {
    let mut server = Launch::new().in_service().start().await;
    let mut guest = Guest::arrive(&server).await;
    let before = server.resident_kib();
    let post = "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let cases = [
        ("GET /health HTTP/1.1\r\nhost: x\r\n".to_owned(), &b"x-a: b\r\n"[..]),
        ("GET /heal".to_owned(), b"t"),
        (format!("{post}content-length: 1000\r\n\r\n{{"), b" "),
        (format!("{post}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n"), b"1\r\n \r\n"),
        ("POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
          content-length: 1000\r\n\r\na=".to_owned(), b"b"),
        // The server does not wait for this body: it responds, and closes the connection.
        ("GET /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n".to_owned(),
            b"1\r\nb\r\n"),
    ];
    let dawdling = AtomicBool::new(true);
    let slow = async {
        let all = cases.iter().flat_map(|(head, more)| (0..50).map(move |_| (head, more)));
        let took = join_all(all.map(|(head, more)| dawdle(&server, head, more))).await;
        dawdling.store(false, Ordering::SeqCst);
        took.into_iter().max().unwrap()
    };
    let others = async {
        let mut served = 0;
        while dawdling.load(Ordering::SeqCst) {
            guest.is_served().await;
            served += 1;
        }
        served
    };
    let (longest, served) = tokio::join!(slow, others);
    eprintln!(
        "300 slow connections were closed within {longest:?}; {served} times served meanwhile"
    );
    let after = server.resident_kib();
    assert!(after < before + GROWTH_KIB, "{before} KiB before, {after} after");
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_block_no_client() {
    let mut server = Launch::new().start().await;
    let mut guest = Guest::arrive(&server).await;
    let before = server.resident_kib();
    let wanted = require::number("SIGNET_TEST_CONNECTIONS").unwrap_or(2_000);
    // This process has the limit of the server; the rest of the suite needs descriptors as well.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = wanted.min(limit.saturating_sub(500) / 2);
    let mut idle = Vec::new();
    for number in 0..count {
        let host = u8::try_from(number % 20).unwrap() + 2;
        let Ok(mut stream) = connect(&server, host).await else {
            panic!("turned away after {number} of {count}");
        };
        // Half of them send something, and then nothing.
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        }
        idle.push(stream);
        if number % 500 == 0 {
            guest.is_served().await;
        }
    }
    for _ in 0..10 {
        guest.is_served().await;
    }
    let after = server.resident_kib();
    eprintln!("{count} idle connections: {before} KiB before, {after} KiB with them");
    assert!(after < before + GROWTH_KIB * count.div_ceil(2_000), "{before} KiB, {after} KiB");
    drop(idle);
    guest.is_served().await;
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

/// More clients than descriptors: connected ones are served, and all are when some have disconnected.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_descriptors_recovers() {
    let mut server = Launch::new().in_service().start().await;
    let caller = server.caller();
    caller.get("/health").await.is(200);
    let few = Rlimit { current: Some(100), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Some(server.pid()), Resource::Nofile, few).unwrap();
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let joined = tokio::time::timeout(Duration::from_secs(1), connect(&server, 3)).await;
        crowd.extend(joined.ok().and_then(Result::ok));
    }
    assert!(crowd.len() > 50);
    let before = server.cpu_ticks();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let spent = server.cpu_ticks() - before;
    assert!(spent < 100, "{spent} hundredths of a second in two seconds: it spins");
    drop(crowd);
    until("new ones are let in", async || {
        let answer = server.caller().try_call(Method::GET, "/health", None, None).await;
        answer.is_some_and(|answer| answer.status == 200)
    })
    .await;
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

/// Many requests in one packet, and one request in many packets.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_and_one_in_a_thousand_pieces() {
    let mut server = Launch::new().start().await;
    let mut guest = Guest::arrive(&server).await;
    let before = server.resident_kib();

    let mut stream = connect(&server, 4).await.unwrap();
    let mut all = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(999);
    all.push_str("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (mut reader, mut writer) = stream.split();
    let mut answers = String::new();
    let (sent, read) =
        tokio::join!(writer.write_all(all.as_bytes()), reader.read_to_string(&mut answers));
    sent.unwrap();
    read.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1000);

    let head = "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                connection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let in_chunks = |body: &str| {
        let chunks: String = body.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect();
        format!("{head}{chunks}0\r\n\r\n")
    };
    let account = json!({"login": "ada", "password": PASSWORD}).to_string();
    for (body, expected) in [(account, "200"), (" ".repeat(200_000), "413")] {
        let mut stream = connect(&server, 4).await.unwrap();
        let sent = in_chunks(&body);
        let (mut reader, mut writer) = stream.split();
        let mut answer = Vec::new();
        // The server may close before it has read everything.
        let (_, _) =
            tokio::join!(writer.write_all(sent.as_bytes()), reader.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{expected}: {answer}");
    }
    for size in [256 * 1024, 1024 * 1024, 10 * 1024 * 1024] {
        for request in [
            format!("GET /health HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(size)),
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(size)),
        ] {
            for _ in 0..3 {
                let mut stream = connect(&server, 4).await.unwrap();
                let _ = stream.write_all(request.as_bytes()).await;
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer).await;
                let answer = String::from_utf8_lossy(&answer);
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
            }
        }
    }
    guest.is_served().await;
    let after = server.resident_kib();
    assert!(after < before + GROWTH_KIB, "{before} KiB before, {after} after");
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}
