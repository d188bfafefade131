//! An issuer whose private keys the test holds: metadata, keys and feed over HTTP, as Signet serves them.
//!
//! Owns the served documents and records the requests. It can be made unreachable, serve another key set, and
//! serve a feed of another time. It issues no tokens: `forge` does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::relying_party::signed;

/// The path of the key set.
pub const JWKS: &str = "/jwks";
/// Where Signet has it as well.
pub const WELL_KNOWN_JWKS: &str = "/.well-known/jwks.json";
/// The path of the feed.
pub const FEED: &str = "/.well-known/revocations";
/// The path of the metadata.
pub const METADATA: &str = "/.well-known/openid-configuration";

/// The private keys of an issuer, and keys of attackers.
pub struct Keys {
    /// The published EC key.
    pub es: SigningKey,
    /// The published RSA key.
    pub rs: SigningKey,
    /// Keys of the same kinds that were never published.
    pub foreign: [SigningKey; 2],
    /// Keys that were published once.
    pub retired: [SigningKey; 2],
}

impl Keys {
    fn generate() -> Self {
        let key = |alg| SigningKey::generate(alg).unwrap().key;
        let both = || [key(SigningAlg::Es256), key(SigningAlg::Rs256)];
        let [es, rs] = both();
        Self { es, rs, foreign: both(), retired: both() }
    }

    /// The published key of an algorithm.
    pub fn of(&self, alg: SigningAlg) -> &SigningKey {
        if alg == SigningAlg::Es256 { &self.es } else { &self.rs }
    }
}

/// The content of the feed.
#[derive(Default, Clone)]
pub struct FeedContent {
    /// Ended sessions, each with the time after which it may be forgotten.
    pub sid: BTreeMap<String, i64>,
    /// Revoked tokens.
    pub jti: BTreeMap<String, i64>,
    /// Cuts.
    pub cut: Vec<Value>,
    /// Withdrawn keys.
    pub kid: Vec<String>,
}

struct State {
    jwks: Value,
    feed: FeedContent,
    /// Served instead of a current feed.
    fixed_feed: Option<String>,
    unplugged: bool,
    asked: Vec<String>,
}

/// The issuer; it is stopped when dropped.
pub struct StandIn {
    /// Its identifier and address.
    pub base: String,
    /// Its keys.
    pub keys: Keys,
    state: Arc<Mutex<State>>,
    /// Signs the feeds.
    signer: Arc<SigningKey>,
    task: JoinHandle<()>,
}

/// The time in seconds since the epoch, as the resource servers under test read it.
pub fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the subjects are processes with the clock of the system"
    )]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

impl StandIn {
    /// Starts one with new keys.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let base = format!("http://{address}");
        let keys = tokio::task::spawn_blocking(Keys::generate).await.unwrap();
        let feed_key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let published = [&keys.es, &keys.rs, &feed_key];
        let state = Arc::new(Mutex::new(State {
            jwks: set(&published),
            feed: FeedContent::default(),
            fixed_feed: None,
            unplugged: false,
            asked: Vec::new(),
        }));
        let signer = Arc::new(feed_key);
        let task =
            tokio::spawn(accept(listener, base.clone(), Arc::clone(&state), Arc::clone(&signer)));
        Self { base, keys, state, signer, task }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Serves a key set with these keys and the key of the feed.
    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<&SigningKey> = keys.iter().copied().chain([&*self.signer]).collect();
        self.state().jwks = set(&keys);
    }

    /// Serves anything as the key set.
    pub fn publish_value(&self, jwks: Value) {
        self.state().jwks = jwks;
    }

    /// Closes every connection without a response, until it is called with `false`.
    pub fn unplug(&self, unplugged: bool) {
        self.state().unplugged = unplugged;
    }

    /// Changes the content of the feed.
    pub fn feed(&self, change: impl FnOnce(&mut FeedContent)) {
        change(&mut self.state().feed);
    }

    /// Serves these bytes as the feed; `None` for current feeds again.
    pub fn fix_feed(&self, feed: Option<String>) {
        self.state().fixed_feed = feed;
    }

    /// The feed as it would be served at a time.
    pub fn feed_at(&self, iat: i64) -> String {
        let content = self.state().feed.clone();
        signed_feed(&self.signer, &self.base, &content, iat)
    }

    /// A feed with the current content and changed claims, signed by a key.
    pub fn feed_with(
        &self,
        key: &SigningKey,
        typ: &str,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let content = self.state().feed.clone();
        let mut claims = feed_claims(&self.base, &content, now());
        change(&mut claims);
        signed(key, &json!({"alg": key.alg, "typ": typ, "kid": key.kid}), &claims)
    }

    /// The key that signs the feeds.
    pub fn feed_key(&self) -> &SigningKey {
        &self.signer
    }

    /// The number of requests for a path, with any query.
    pub fn asked(&self, path: &str) -> usize {
        let is_it = |target: &&String| target.split('?').next() == Some(path);
        self.state().asked.iter().filter(is_it).count()
    }

    /// The targets of all requests so far.
    pub fn targets(&self) -> Vec<String> {
        self.state().asked.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(keys: &[&SigningKey]) -> Value {
    let entries: Vec<Value> =
        keys.iter().map(|key| json!(key.public.entry(&key.kid, key.alg))).collect();
    json!({ "keys": entries })
}

fn feed_claims(issuer: &str, content: &FeedContent, iat: i64) -> Value {
    json!({
        "iss": issuer, "iat": iat, "exp": iat + 60, "poll": 1, "covers": 600,
        "sid": content.sid, "jti": content.jti, "cut": content.cut, "kid": content.kid,
    })
}

fn signed_feed(key: &SigningKey, issuer: &str, content: &FeedContent, iat: i64) -> String {
    let header = json!({"alg": key.alg, "typ": "revocations+jwt", "kid": key.kid});
    signed(key, &header, &feed_claims(issuer, content, iat))
}

async fn accept(
    listener: TcpListener,
    base: String,
    state: Arc<Mutex<State>>,
    signer: Arc<SigningKey>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        if lock(&state).unplugged {
            continue;
        }
        let (base, state, signer) = (base.clone(), Arc::clone(&state), Arc::clone(&signer));
        tokio::spawn(async move { answer(stream, &base, &state, &signer).await });
    }
}

/// Answers one request and closes the connection.
async fn answer(mut stream: TcpStream, base: &str, state: &Mutex<State>, signer: &SigningKey) {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(count) if count > 0 => head.extend_from_slice(&part[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let (status, media, body) = {
        let mut state = lock(state);
        if state.unplugged {
            return;
        }
        state.asked.push(target);
        match &*path {
            METADATA | "/.well-known/oauth-authorization-server" => {
                let metadata = json!({
                    "issuer": base, "jwks_uri": format!("{base}{JWKS}"),
                    "authorization_endpoint": format!("{base}/oauth2/authorize"),
                    "token_endpoint": format!("{base}/oauth2/token"),
                    "response_types_supported": ["code"], "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                    "signet_revocations_uri": format!("{base}{FEED}"),
                });
                ("200 OK", "application/json", metadata.to_string())
            }
            JWKS | WELL_KNOWN_JWKS => ("200 OK", "application/json", state.jwks.to_string()),
            FEED => {
                let now = || signed_feed(signer, base, &state.feed, now());
                let feed = state.fixed_feed.clone().unwrap_or_else(now);
                ("200 OK", "application/jwt", feed)
            }
            _ => ("404 Not Found", "text/plain", "not here".to_owned()),
        }
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nCache-Control: max-age=300\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
