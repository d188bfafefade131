//! Clients that hold connections: many of them, idle, or without reading the responses.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use serde_json::json;
use signet::config::Machine;
use signet::metrics::ResultLabel;
use signet::server::RESERVED_DESCRIPTORS;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::support::ports::free_address;
use crate::support::process::{Launch, PATIENCE, Process, until};
use crate::support::require;
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, Server};

/// The limit of open files for servers of these tests.
const OPEN_FILES: usize = 512;

/// The number of connections that such a server may hold.
fn budget() -> usize {
    let needed = 32 + 8 * Machine::measure().cores + 16;
    let outgoing = OPEN_FILES / 8;
    OPEN_FILES - outgoing - needed.max(usize::try_from(RESERVED_DESCRIPTORS).unwrap())
}

fn with_few_files() -> Launch {
    let script = format!("ulimit -n {OPEN_FILES}; exec \"$0\" \"$@\"");
    Launch::new().through(&["/bin/sh", "-c", &script])
}

/// An address of this machine that is not loopback.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// A connection that is kept open.
struct Held(TcpStream);

impl Held {
    fn open(address: SocketAddr) -> Self {
        let mut held = Self(TcpStream::connect(address).unwrap());
        held.ask();
        held
    }

    /// Sends a request and reads its complete response.
    fn ask(&mut self) {
        self.0.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut bytes = [0; 4096];
            let count = self.0.read(&mut bytes).unwrap();
            assert!(count > 0, "closed: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&bytes[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    }

    fn is_closed(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let closed = match self.0.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        };
        self.0.set_nonblocking(false).unwrap();
        closed
    }
}

async fn until_closed(held: &[Held], count: usize) -> Vec<usize> {
    let closed = || (0..held.len()).filter(|at| held[*at].is_closed()).collect::<Vec<_>>();
    until("connections are closed", async || closed().len() >= count).await;
    closed()
}

fn port(server: &Process) -> u16 {
    server.base.rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let launch = Launch::new().through(&["/bin/sh", "-c", "ulimit -Sn 40; exec \"$0\" \"$@\""]);
    let server = launch.start().await;
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", server.pid().as_raw_nonzero())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields[3], fields[4], "{line}");
    assert_ne!(fields[3], "40");
}

/// All from the machine itself, which has no limit of its own.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_make_room_for_new_ones_the_longest_idle_first() {
    let server = with_few_files().start().await;
    let address: SocketAddr = server.base.strip_prefix("http://").unwrap().parse().unwrap();
    let (budget, more) = (budget(), 40);
    let mut held: Vec<Held> = (0..budget).map(|_| Held::open(address)).collect();
    assert!(held.iter().all(|held| !held.is_closed()));
    held[0].ask();
    held[2].ask();
    held.extend((0..more).map(|_| Held::open(address)));
    let closed = until_closed(&held, more).await;
    let expected: Vec<usize> = std::iter::once(1).chain(3..).take(more).collect();
    assert_eq!(closed, expected);
    // The database and the operator have their descriptors.
    let caller = server.caller();
    caller.post("/v1/register", &json!({"login": "ada", "password": PASSWORD})).await.is(201);
    caller.post("/v1/login", &json!({"login": "ada", "password": PASSWORD})).await.is(200);
    let pid = server.pid().as_raw_nonzero();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert!(open < OPEN_FILES, "{open}");
    server.until_logged("connections are closed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_holds_half_of_the_connections_unless_it_is_a_trusted_proxy() {
    let Some(own) = own_address() else {
        return require::missing("network", "an address that is not loopback");
    };
    let launch = with_few_files().with("SIGNET_LISTEN", "0.0.0.0:0");
    let server = launch.clone().start().await;
    let far = SocketAddr::new(own, port(&server));
    let near = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port(&server));
    let (half, more) = (budget() / 2, 30);
    let neighbours: Vec<Held> = (0..5).map(|_| Held::open(near)).collect();
    let held: Vec<Held> = (0..half + more).map(|_| Held::open(far)).collect();
    let closed = until_closed(&held, more).await;
    assert_eq!(closed, (0..more).collect::<Vec<_>>());
    assert!(neighbours.iter().all(|held| !held.is_closed()));
    drop((held, server));

    let trusting = launch.with("SIGNET_TRUSTED_PROXIES", &own.to_string()).start().await;
    let far = SocketAddr::new(own, port(&trusting));
    let held: Vec<Held> = (0..half + more).map(|_| Held::open(far)).collect();
    assert!(held.iter().all(|held| !held.is_closed()));
}

/// The responses to pipelined requests of a connection exceed every buffer.
fn pipelined(count: usize) -> Vec<u8> {
    b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(count)
}

async fn unread(address: &str, requests: &[u8]) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    // A server that is faster than this client closes the connection while it still writes.
    let _ = stream.write_all(requests).await;
    stream
}

fn disconnected(server: &Server) -> u64 {
    let metrics = &server.app.metrics.connections_closed;
    metrics.get_or_create(&ResultLabel { result: "unread" }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answers_is_disconnected() {
    let server =
        Options::on(Backend::Sqlite).with("SIGNET_TEST_UNREAD_MILLIS", "200").start().await;
    let address = server.base.strip_prefix("http://").unwrap();
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(unread(address, &pipelined(60)).await);
    }
    until("all are disconnected", async || disconnected(&server) == 5).await;
    until("none is open", async || server.app.metrics.connections.get() == 0).await;
    server.get("/health").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_tls_that_does_not_read_its_answers_is_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    let (key, cert) = (folder.path().join("live.key"), folder.path().join("live.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-days", "60", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        return require::missing("openssl", "clients of TLS that do not read");
    }
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_TLS_CERT", cert.to_str().unwrap())
        .with("SIGNET_TLS_KEY", key.to_str().unwrap())
        .with("SIGNET_TEST_UNREAD_MILLIS", "200")
        .start()
        .await;
    let address = server.base.strip_prefix("https://").unwrap();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.as_mut().unwrap().write_all(&pipelined(60)).unwrap();
    until("it is disconnected", async || disconnected(&server) == 1).await;
    client.kill().unwrap();
    client.wait().unwrap();
    until("none is open", async || server.app.metrics.connections.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_late_gets_every_answer_whole() {
    let server = Server::start(Backend::Sqlite).await;
    let expected = server.get("/v1/openapi.json").await.is(200).text.len();
    let mut stream = unread(server.base.strip_prefix("http://").unwrap(), &pipelined(60)).await;
    let closing = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(closing).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let all = String::from_utf8(all).unwrap();
    let answers: Vec<&str> = all.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(answers.len(), 61);
    for answer in answers {
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.len(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_clients_that_do_not_read_cost_less_than_fifty_mebibytes() {
    costs_little(&pipelined(60)).await;
}

/// A body that looks like the head of a request with a long body, after a length that takes a long line.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hide_their_requests_in_a_body_cost_no_more() {
    let decoy = "X / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n";
    let head =
        "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
    let first = format!("{head}{}{}\r\n\r\n{decoy}", " ".repeat(60), decoy.len());
    costs_little(&[first.as_bytes(), &pipelined(600)].concat()).await;
}

async fn costs_little(requests: &[u8]) {
    let server = Launch::new().start().await;
    server.caller().get("/v1/openapi.json").await.is(200);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let before = server.resident_kib();
    let mut streams = Vec::new();
    for _ in 0..600 {
        streams.push(unread(&address, requests).await);
    }
    let mut last = 0;
    until("all of them are blocked", async || {
        server.caller().get("/health").await.is(200);
        let now = server.resident_kib();
        let grew = now > last;
        last = now;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        !grew
    })
    .await;
    let cost = last.saturating_sub(before);
    eprintln!("600 connections cost {cost} KiB");
    assert!(cost < 50 * 1024, "{cost} KiB");
}

/// The listener of the metrics has the same limits: neither a client that reads nothing nor an idle connection
/// blocks a scraper.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_metrics_that_do_not_read_keep_no_scraper_out() {
    let metrics = free_address().to_string();
    let server = Launch::new()
        .with("SIGNET_METRICS_LISTEN", &metrics)
        .with("SIGNET_TEST_UNREAD_MILLIS", "200")
        .start()
        .await;
    let scraper = reqwest::Client::builder().timeout(PATIENCE / 4).build().unwrap();
    let scrape = async || -> Option<String> {
        let answer = scraper.get(format!("http://{metrics}/metrics")).send().await.ok()?;
        answer.text().await.ok()
    };
    assert!(scrape().await.unwrap().contains("signet_connections"));
    let mut streams = Vec::new();
    // The first responses fit into the buffers of the system, the others do not.
    for count in [1, 1, 1, 1, 1, 2_000, 2_000, 2_000, 2_000, 2_000] {
        let requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(count);
        streams.push(unread(&metrics, &requests).await);
    }
    let closed = |text: &str| -> f64 {
        let of = |line: &&str| line.starts_with("signet_connections_closed_total{");
        let numbers = text.lines().filter(of).filter_map(|line| line.rsplit(' ').next());
        numbers.map(|number| number.parse::<f64>().unwrap()).sum()
    };
    until("those that do not read are closed", async || {
        scrape().await.is_some_and(|text| closed(&text) >= 5.0)
    })
    .await;
    drop(server);
}
