//! The issuer's public keys, fetched when needed and kept for a while.
//!
//! Owns when the issuer is asked. Judges no token: whoever asks for a key gets the algorithm it
//! is for along with it and has to insist on that one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde::Deserialize;
use tokio::sync::{Mutex, RwLock};

/// How long a fetched set is believed: after it a withdrawn key is gone here as well.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The shortest time between two requests to the issuer. A token may name any `kid` it likes, so
/// without it whoever sends rubbish here decides how often the issuer is asked.
const COOLDOWN: Duration = Duration::from_secs(30);

/// The same after a request that failed: long enough to spare an issuer in trouble, short enough
/// for callers not to notice one lost answer for long.
const RETRY: Duration = Duration::from_secs(5);

/// A public key and the only algorithm it verifies.
#[derive(Clone)]
pub struct Key {
    /// Read from the key, never from a token (RFC 8725 §3.1).
    pub alg: Algorithm,
    /// The key itself.
    pub public: DecodingKey,
}

/// A set of public keys (RFC 7517 §5). The entries are read one by one, because a key of a kind
/// this server does not know must not cost it the others.
#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

#[derive(Default)]
struct Cached {
    fetched: Option<Instant>,
    by_kid: HashMap<String, Key>,
}

/// The key set behind one `jwks_uri`.
pub struct Keys {
    http: reqwest::Client,
    uri: String,
    cached: RwLock<Cached>,
    /// Not before this moment is the issuer asked again.
    next: Mutex<Option<Instant>>,
}

impl Keys {
    /// Nothing is fetched before the first token arrives.
    pub fn new(http: reqwest::Client, uri: String) -> Self {
        Self { http, uri, cached: RwLock::default(), next: Mutex::default() }
    }

    /// The key called `kid`, from memory or, unless it was asked just now, from the issuer.
    ///
    /// `None` when there is no such key, or none can be had now.
    pub async fn find(&self, kid: &str) -> Option<Key> {
        if let Some(key) = self.known(kid).await {
            return Some(key);
        }
        // One request at a time; those who waited find what it brought. Tokens signed with a
        // known key never come here, so they do not wait for somebody else's unknown one.
        let mut next = self.next.lock().await;
        if let Some(key) = self.known(kid).await {
            return Some(key);
        }
        if next.is_none_or(|next| Instant::now() >= next) {
            let pause = match self.fetch().await {
                Ok(by_kid) => {
                    *self.cached.write().await = Cached { fetched: Some(Instant::now()), by_kid };
                    COOLDOWN
                }
                Err(error) => {
                    eprintln!("no keys from {}: {error}", self.uri);
                    RETRY
                }
            };
            *next = Some(Instant::now() + pause);
        }
        self.known(kid).await
    }

    async fn known(&self, kid: &str) -> Option<Key> {
        let cached = self.cached.read().await;
        cached.fetched.filter(|at| at.elapsed() < MAX_AGE)?;
        cached.by_kid.get(kid).cloned()
    }

    async fn fetch(&self) -> reqwest::Result<HashMap<String, Key>> {
        let answer = self.http.get(&self.uri).send().await?.error_for_status()?;
        let set: Published = answer.json().await?;
        Ok(set.keys.into_iter().filter_map(usable).collect())
    }
}

/// The name and key of an entry of the set, unless it is of no use here.
fn usable(entry: serde_json::Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(entry).ok()?;
    let alg = match jwk.common.key_algorithm?.to_string().parse().ok()? {
        // The allow-list. A shared secret has no place in a public set, and would not get in.
        alg @ (Algorithm::ES256 | Algorithm::RS256) => alg,
        _ => return None,
    };
    let public = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, Key { alg, public }))
}
