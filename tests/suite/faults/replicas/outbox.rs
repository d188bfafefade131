//! Log-out notices of several processes with one outbox.
//!
//! Without a failure each notice is delivered once. A process that is killed between delivering a notice and
//! recording that leaves it to the others, which deliver it again after a minute: at least once, with the
//! same `jti`, so that a client can detect it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use signet::base::{Clock as _, SystemClock};
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Replicas, administer, call_as, register};
use crate::support::process::until;
use crate::support::relying_party::Person;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The endpoint of a client, and the claims of every logout token that it received.
struct Client {
    uri: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Client {
    /// One that responds, or one that listens and does not.
    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/logout", listener.local_addr().unwrap());
        let told = Arc::<Mutex<Vec<Value>>>::default();
        let shared = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let claims = read_token(&mut stream).await;
                    shared.lock().unwrap().push(claims);
                    if answers {
                        let _ = stream.write_all(OK).await;
                    } else {
                        // Until the other side is gone.
                        let _ = stream.read(&mut [0]).await;
                    }
                });
            }
        });
        Self { uri, told }
    }

    /// The values of a claim, in the order of the tokens.
    fn told(&self, claim: &str) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().map(|claims| claims[claim].as_str().unwrap().to_owned()).collect()
    }
}

/// The claims of the token in a request, whose body has nothing else.
async fn read_token(stream: &mut TcpStream) -> Value {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "half a request: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
        });
        if body.len() == length.expect("a length") {
            let claims = body.strip_prefix("logout_token=").unwrap().split('.').nth(1).unwrap();
            return serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        }
    }
}

/// Gives `login` several sessions at a client, then ends them all by disabling the user.
async fn end_sessions(replicas: &Replicas, client: &Client, login: &str, sessions: usize) {
    let public = replicas.public();
    let root = administer(&public).await;
    let id = register(&public, login).await;
    let app = json!({"type": "web", "backchannel_logout_uri": client.uri});
    let app = super::one_winner::client(replicas, &root, app).await;
    // In one browser they would be branches of one session.
    for _ in 0..sessions {
        app.tokens(&public, &Person::new(&public, login)).await;
    }
    let path = format!("/v1/admin/users/{id}/disable");
    call_as(&public, Method::POST, &path, &root, None).await.is(200);
}

/// When each undelivered notice is due, in milliseconds.
async fn due(connection: &mut PgConnection) -> Vec<i64> {
    let all = sqlx::query_scalar("SELECT next_at FROM logout_notices ORDER BY next_at, id");
    all.fetch_all(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_is_told_once_of_each_session() {
    const SESSIONS: usize = 40;
    let Some(mut replicas) = Replicas::start("the outbox of two processes", 2).await else {
        return;
    };
    let mut connection = PgConnection::connect(&replicas.database).await.unwrap();
    let client = Client::start(true).await;
    end_sessions(&replicas, &client, "ada", SESSIONS).await;
    // The clients are written into the outbox after the sessions have ended.
    until("all are told", async || client.told("jti").len() >= SESSIONS).await;
    until("the outbox is empty", async || due(&mut connection).await.is_empty()).await;
    // A killed process delivers nothing more.
    for process in &mut replicas.all {
        process.signal(Signal::TERM);
        assert_eq!(process.ended().await, Some(0), "{}", process.log());
    }
    for claim in ["jti", "sid"] {
        let told = client.told(claim);
        let distinct: BTreeSet<&String> = told.iter().collect();
        assert_eq!((told.len(), distinct.len()), (SESSIONS, SESSIONS), "{claim}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_of_a_killed_process_are_delivered_by_the_others() {
    let Some(mut replicas) = Replicas::start("a death while telling", 2).await else { return };
    let mut connection = PgConnection::connect(&replicas.database).await.unwrap();
    let client = Client::start(false).await;
    end_sessions(&replicas, &client, "ada", 3).await;
    until("all are being told", async || client.told("jti").len() == 3).await;
    // Either process, while it waits for a response.
    for process in &mut replicas.all {
        process.kill();
    }
    // Nothing is lost, and nothing waits longer than the lease of a minute that the killed process had.
    let turns = due(&mut connection).await;
    let now = SystemClock.now().millis();
    assert_eq!(turns.len(), 3);
    assert!(turns.iter().all(|turn| (now..=now + 60_000).contains(turn)), "{now} {turns:?}");

    // The minute passes, in the database.
    sqlx::query("UPDATE logout_notices SET next_at = 0").execute(&mut connection).await.unwrap();
    replicas.join().await;
    until("all are told again", async || client.told("jti").len() == 6).await;
    let told = client.told("jti");
    let (first, again): (BTreeSet<_>, BTreeSet<_>) =
        (told[..3].iter().collect(), told[3..].iter().collect());
    assert_eq!(first, again);
}
