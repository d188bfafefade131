//! Sends every row to a running resource server and checks its response.
//!
//! Owns the bytes on the wire, because client libraries refuse to send some rows, and the verdict.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use signet::domain::signing_key::SigningAlg;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::forge::{ENDED_SESSION, Forge, Request};
use super::issuer::{StandIn, now};
use super::rows::{ROWS, Row, Says};
use super::subjects::Subject;
use crate::support::is_untouched;
use crate::support::process::PATIENCE;

/// The API of the resource servers.
pub const AUDIENCE: &str = "https://api.example.com";
/// Both algorithms of the matrix.
pub const ALGS: [SigningAlg; 2] = [SigningAlg::Es256, SigningAlg::Rs256];
/// T3 expires in the leeway within 2 seconds. If its refusal takes longer than this, the row is created again.
const FRESH: Duration = Duration::from_secs(1);

/// The response of a resource server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 0 if the connection was closed without a response.
    pub status: u16,
    /// Every `WWW-Authenticate` header, joined.
    pub challenge: String,
    pub body: String,
}

/// Sends a request without changes.
pub async fn send(base: &str, request: &Request) -> Response {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {address}\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    text.push_str(&format!("Connection: close\r\n\r\n{}", request.body));
    let (mut reading, mut writing) = stream.split();
    let mut bytes = Vec::new();
    // A server that refuses a long header may close while it is still being sent.
    let exchange = async {
        let write = async { drop(writing.write_all(text.as_bytes()).await) };
        let read = async { drop(reading.read_to_end(&mut bytes).await) };
        futures_util::join!(write, read);
    };
    let in_time = tokio::time::timeout(PATIENCE, exchange).await;
    assert!(in_time.is_ok(), "no response within {PATIENCE:?} to {}", request.target);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let challenges: Vec<&str> = fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
        .map(|(_, value)| value.trim())
        .collect();
    Response {
        status: status.unwrap_or(0),
        challenge: challenges.join(", "),
        body: body.to_owned(),
    }
}

/// The deviation of a response from the list and the known gaps; `None` if there is none.
fn remark(row: &Row, subject: &Subject, alg: SigningAlg, response: &Response) -> Option<String> {
    let Response { status, challenge, .. } = response;
    let is_expected = row.expect.contains(status);
    let wrong_challenge = (*status == 401).then(|| challenge_remark(row, challenge)).flatten();
    if let Some(gap) = subject.gap(row.id, alg) {
        let expected = gap.status;
        if *status != expected {
            return Some(format!("is listed as a known gap with {expected} and answers {status}"));
        }
        // A gap with the status of the row is one of the challenge.
        let is_closed = is_expected && wrong_challenge.is_none();
        return is_closed.then(|| "is listed as a known gap and answers as it should".to_owned());
    }
    if !is_expected {
        return Some(format!("answers {status}, not {:?}", row.expect));
    }
    wrong_challenge
}

/// The error in the challenge of a 401 response, if there is one.
fn challenge_remark(row: &Row, challenge: &str) -> Option<String> {
    let has_scheme = ["bearer", "dpop"].iter().any(|scheme| {
        challenge.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let right = match row.says {
        Says::NoError => !challenge.contains("error="),
        Says::InvalidToken => challenge.contains("error=\"invalid_token\""),
        Says::Any => true,
    };
    let wrong = format!("has the challenge {challenge:?}, which should have {:?}", row.says);
    (!has_scheme || !right).then_some(wrong)
}

/// Sends every row to the resource server at `base`, which trusts the issuer of `forge` and its audience.
///
/// # Panics
/// With every row whose response deviates from the list and the known gaps of the subject, and when the
/// address behind `jku` or `x5u` got a connection.
pub async fn attack(subject: &Subject, base: &str, forge: &Forge<'_>) {
    let mut remarks = Vec::new();
    for row in ROWS {
        let response = loop {
            let made = Instant::now();
            let response = send(base, &forge.request(row.id)).await;
            let is_late = row.id == "T3" && response.status != 200 && made.elapsed() > FRESH;
            if !is_late {
                break response;
            }
        };
        if let Some(remark) = remark(row, subject, forge.alg, &response) {
            remarks.push(format!("{} ({}) {remark}", row.id, row.what));
        }
    }
    let (name, alg) = (subject.name, forge.alg);
    assert!(remarks.is_empty(), "\n{name}, {alg}:\n{}\n", remarks.join("\n"));
    assert!(is_untouched(&forge.canary).await, "{name} fetched what a token named in its header");
}

/// Runs the matrix against a resource server that `command` starts, with both algorithms.
pub async fn attack_program(subject: &Subject, command: impl Fn() -> Command) {
    for alg in ALGS {
        let issuer = StandIn::start().await;
        issuer.feed(|feed| _ = feed.sid.insert(ENDED_SESSION.to_owned(), now() + 600));
        let forge = Forge::new(&issuer, AUDIENCE, alg).await;
        let mut command = command();
        let running = Running::start(&mut command, &issuer.base);
        attack(subject, &running.base, &forge).await;
    }
}

/// A resource server that runs until it is dropped.
pub struct Running {
    child: Child,
    pub base: String,
}

impl Running {
    /// Starts it with `ISSUER`, `AUDIENCE` and `PORT=0`, and returns when it prints its address.
    pub fn start(command: &mut Command, issuer: &str) -> Self {
        let mut child = command
            .env("ISSUER", issuer)
            .env("AUDIENCE", AUDIENCE)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = loop {
            let line = lines.next().expect("the example ended before it listened").unwrap();
            if let Some(base) = line.strip_prefix("listening on ") {
                break base.trim().to_owned();
            }
        };
        // Drains the pipe for as long as the example runs.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
