//! A server at every limit at once: attackers in many networks hold as many connections as they can, and a
//! hundred clients never respond to log-out notices. The descriptors of the database and the operator stay
//! free.
//!
//! Runs in a network namespace of its own, where every address of a network is local.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::history::{administer, administered};
use crate::support::postgres::Cluster;
use crate::support::process::{Caller, Launch, Process, until};
use crate::support::relying_party::{App, Person};
use crate::support::require;
use crate::support::server::{PASSWORD, Tokens};

/// Set in the process inside the namespace.
const INSIDE: &str = "SIGNET_TEST_INSIDE_NAMESPACE";
/// Makes 198.18.0.0/15, the network for benchmarks (RFC 2544), local.
const SET_UP: &str = "ip link set lo up && ip route add local 198.18.0.0/15 dev lo";
/// The limit of open files.
const OPEN_FILES: usize = 256;
/// The maximum number of such a server's concurrent outgoing requests: an eighth of the files, two for each.
const OUTGOING: usize = OPEN_FILES / 8 / 2;
/// The deadline of such a request, after which another one is sent.
const DELIVERY: Duration = Duration::from_secs(5);
/// The deadline of the head of a request, after which the server closes the connection.
const REQUEST_HEAD: Duration = Duration::from_secs(5);
/// The number of clients that do not respond.
const HANGING: usize = 100;

/// Whether this process is inside the namespace. If not, it runs the test there.
fn is_inside(test: &str) -> bool {
    if require::variable(INSIDE).is_some() {
        return true;
    }
    let script = |then: &str| {
        let mut command = Command::new("unshare");
        command.args(["-n", "/bin/sh", "-c", &format!("{SET_UP} && {then}")]);
        command.stdin(Stdio::null());
        command
    };
    if !script("true").output().is_ok_and(|output| output.status.success()) {
        require::missing("network namespaces", "connections from many networks");
        return false;
    }
    let name = format!("faults::outgoing::{test}");
    let output = script("exec \"$0\" --exact \"$1\" --nocapture")
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
    false
}

/// A receiver of logout tokens that accepts every connection and never responds. Returns the number of open ones.
async fn hanging() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            kept.push(stream);
        }
    });
    (address, open)
}

/// A connection whose request never ends, from an address of its own.
async fn stranger(port: u16, number: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([198, 18, number, 7], 0))).unwrap();
    let mut stream = socket.connect(SocketAddr::from(([198, 19, 0, 1], port))).await.unwrap();
    // The server may have refused it already.
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\n").await;
    stream
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    match stream.try_read(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// Registers the clients that do not respond, and signs the user in to each. A session of `/v1/login` would
/// not do: its client has no ID token, and gets no notice.
async fn sign_in_everywhere(caller: &Caller, receiver: SocketAddr) {
    let root = Tokens { access: administer(caller, "root").await, refresh: String::new() };
    let ada = Person::new(caller, "ada");
    for _ in 0..HANGING {
        let client = json!({"type": "web", "skip_consent": true,
            "backchannel_logout_uri": format!("http://{receiver}/logout")});
        let app = App::register(caller, &root, client).await;
        app.tokens(caller, &ada).await;
    }
}

fn open_files(server: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).unwrap().count()
}

async fn holds(launch: Launch) {
    let script = format!("ulimit -n {OPEN_FILES}; exec \"$0\" \"$@\"");
    let launch = launch.with("SIGNET_LISTEN", "0.0.0.0:0").through(&["/bin/sh", "-c", &script]);
    let server = launch.start().await;
    let port = server.base.rsplit(':').next().unwrap().parse().unwrap();
    let caller = || Caller { base: format!("http://127.0.0.1:{port}"), ..server.caller() };
    let account = json!({"login": "ada", "password": PASSWORD});
    caller().post("/v1/register", &account).await.is(201);
    let (receiver, asked) = hanging().await;
    sign_in_everywhere(&caller(), receiver).await;

    let mut strangers = Vec::new();
    let connecting = Instant::now();
    for number in 0..=250 {
        strangers.push(stranger(port, number).await);
    }
    until("strangers are turned away", async || strangers.iter().any(is_closed)).await;

    // At the limit, and then notices for all sessions at once.
    let access = caller().post("/v1/login", &account).await.is(200).string("access_token");
    let path = "/v1/sessions?scope=others";
    let began = Instant::now();
    caller().try_call(Method::DELETE, path, Some(&access), None).await.unwrap().is(204);
    until("as many clients are asked as may be", async || asked.load(Ordering::SeqCst) >= OUTGOING)
        .await;
    let login = caller().post("/v1/login", &account).await;
    let mut token = login.is(200).string("refresh_token");
    for _ in 0..10 {
        caller().get("/health").await.is(200);
        caller().get("/ready").await.is(200);
        caller().post("/v1/login", &account).await.is(200);
        let answer = caller().post("/v1/refresh", &json!({ "refresh_token": token })).await;
        token = answer.is(200).string("refresh_token");
        let open = open_files(&server);
        assert!(open < OPEN_FILES, "{open} of {OPEN_FILES} files are open");
    }
    // None has responded: another request is sent only after the deadline of one. On a slower machine more of
    // them have ended by then.
    let asked = asked.load(Ordering::SeqCst);
    let ended = usize::try_from(began.elapsed().as_secs() / DELIVERY.as_secs()).unwrap();
    let bound = OUTGOING * (1 + ended);
    assert!((OUTGOING..=bound).contains(&asked), "{asked} were asked, {bound} may be");
    let held = strangers.iter().filter(|stream| !is_closed(stream)).count();
    eprintln!("{held} connections of strangers, {} files", open_files(&server));
    // On a slower machine the deadlines of the first ones have passed.
    assert!(
        held > 50 || connecting.elapsed() > REQUEST_HEAD,
        "only {held} connections of strangers"
    );
    let log = server.log();
    let is_fault = |line: &&str| line.contains("Too many open files") || line.contains("panicked");
    let faults: Vec<&str> = log.lines().filter(is_fault).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_clients_that_hang_leave_descriptors_to_sqlite_and_the_operator() {
    if is_inside("strangers_and_clients_that_hang_leave_descriptors_to_sqlite_and_the_operator") {
        holds(administered()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_clients_that_hang_leave_descriptors_to_postgres_and_the_operator() {
    if is_inside("strangers_and_clients_that_hang_leave_descriptors_to_postgres_and_the_operator") {
        let Some(cluster) = Cluster::private().await else {
            return require::missing("postgres", "a server at its bounds");
        };
        let url = cluster.fresh_database().await;
        holds(administered().with("SIGNET_DATABASE_URL", &url)).await;
    }
}
