//! The issuer's keys: when they are fetched, and how long they are cached.
//!
//! A token may name any key, so the rate of fetches is limited by a pause from the beginning of each attempt, whether
//! or not it succeeds. There is one fetch at a time; requests that need it wait for it together, and it continues when
//! the request that began it is cancelled. Cached keys stay in use until a fetch replaces them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use serde_json::Value;

use crate::fetch::{Fetch, FetchError};
use crate::key::PublicKey;
use crate::refused::Code;
use crate::warnings::Warnings;

/// The shortest time between the starts of two fetches, in seconds.
const PAUSE: i64 = 30;
/// The same while there are no keys: until then every request is answered with 503.
const PAUSE_WITHOUT_KEYS: i64 = 5;
/// How long keys are cached if the issuer does not set `max-age`, in seconds; and the bounds of `max-age`.
const MAX_AGE: u32 = 300;
const LEAST_AGE: u32 = 30;
const MOST_AGE: u32 = 3_600;
/// The largest document, in bytes.
const LIMIT: usize = 1024 * 1024;

/// The addresses in the issuer's metadata.
pub(crate) struct Endpoints {
    jwks: String,
    /// The feed, if there is one.
    pub feed: Option<String>,
}

type Flight = Shared<BoxFuture<'static, ()>>;

#[derive(Default)]
struct State {
    endpoints: Option<Arc<Endpoints>>,
    keys: Option<HashMap<String, Arc<PublicKey>>>,
    fresh_until: i64,
    /// When the last fetch began.
    attempt: Option<i64>,
    flight: Option<Flight>,
}

/// The state that is shared by all requests.
struct Cache {
    fetch: Arc<dyn Fetch>,
    issuer: String,
    name: String,
    warnings: Arc<Warnings>,
    state: Mutex<State>,
}

/// The keys of an issuer.
pub(crate) struct Keys(Arc<Cache>);

impl State {
    fn key(&self, kid: &str) -> Option<Arc<PublicKey>> {
        self.keys.as_ref()?.get(kid).cloned()
    }

    fn rests(&self, now: i64) -> bool {
        let pause = if self.keys.is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        // Setting the clock back ends the pause.
        self.attempt.is_some_and(|at| (at..at + pause).contains(&now))
    }
}

impl Cache {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    pub fn new(
        fetch: Arc<dyn Fetch>,
        issuer: String,
        name: String,
        warnings: Arc<Warnings>,
    ) -> Self {
        Self(Arc::new(Cache { fetch, issuer, name, warnings, state: Mutex::default() }))
    }

    /// The key with this `kid`, from the cache or, unless the pause has not ended, from the issuer.
    pub async fn find(&self, kid: &str, now: i64) -> Result<Arc<PublicKey>, Code> {
        let flight = {
            let mut state = self.0.state();
            let known = state.key(kid);
            let wanted = match &known {
                Some(_) if now < state.fresh_until => false,
                // The key is cached, and one request is enough for a fetch in progress; the others do not wait. After
                // a pause another request takes the fetch over, because the first may have been cancelled.
                Some(_) => !state.rests(now),
                None => state.flight.is_some() || !state.rests(now),
            };
            match known {
                Some(key) if !wanted => return Ok(key),
                None if !wanted => return Err(absent(&state)),
                _ => self.flight(&mut state, now),
            }
        };
        flight.await;
        let state = self.0.state();
        state.key(kid).ok_or_else(|| absent(&state))
    }

    /// Fetches keys that are missing or old, unless the pause has not ended. Returns the endpoints of the issuer, if
    /// known.
    pub async fn refresh(&self, now: i64) -> Option<Arc<Endpoints>> {
        let flight = {
            let mut state = self.0.state();
            let is_due = now >= state.fresh_until || state.keys.is_none();
            (is_due && !state.rests(now)).then(|| self.flight(&mut state, now))
        };
        if let Some(flight) = flight {
            flight.await;
        }
        self.0.state().endpoints.clone()
    }

    /// The fetch in progress, or a new one.
    fn flight(&self, state: &mut State, now: i64) -> Flight {
        let known = state.flight.as_ref().filter(|flight| flight.peek().is_none()).cloned();
        known.unwrap_or_else(|| {
            state.attempt = Some(now);
            let flight = load(Arc::clone(&self.0), now).boxed().shared();
            state.flight = Some(flight.clone());
            flight
        })
    }
}

fn absent(state: &State) -> Code {
    if state.keys.is_some() { Code::UnknownKey } else { Code::KeysUnavailable }
}

async fn load(cache: Arc<Cache>, now: i64) {
    let loaded = fetch(&cache).await;
    let mut state = cache.state();
    state.flight = None;
    match loaded {
        Ok((keys, max_age)) => {
            state.keys = Some(keys);
            state.fresh_until = now + i64::from(max_age);
        }
        Err(error) => {
            drop(state);
            cache.warnings.say("no keys", &error, now);
        }
    }
}

type Loaded = (HashMap<String, Arc<PublicKey>>, u32);

async fn fetch(cache: &Cache) -> Result<Loaded, FetchError> {
    let known = cache.state().endpoints.clone();
    let endpoints = match known {
        Some(endpoints) => endpoints,
        None => {
            let found = Arc::new(discover(cache).await?);
            cache.state().endpoints = Some(Arc::clone(&found));
            found
        }
    };
    let fetched = cache.fetch.get(endpoints.jwks.clone(), LIMIT).await?;
    let set: Value = serde_json::from_slice(&fetched.body)
        .map_err(|error| FetchError(format!("{} is not JSON: {error}", endpoints.jwks)))?;
    let entries = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let keys: HashMap<_, _> = entries
        .iter()
        .filter_map(PublicKey::of_set)
        .map(|(kid, key)| (kid, Arc::new(key)))
        .collect();
    if keys.is_empty() {
        return Err(FetchError(format!("{} has no key that verifies tokens", endpoints.jwks)));
    }
    Ok((keys, fetched.max_age.unwrap_or(MAX_AGE).clamp(LEAST_AGE, MOST_AGE)))
}

/// Reads the metadata (OpenID Connect Discovery §4, RFC 8414 §3).
async fn discover(cache: &Cache) -> Result<Endpoints, FetchError> {
    let url = format!("{}/.well-known/openid-configuration", cache.issuer);
    let fetched = cache.fetch.get(url.clone(), LIMIT).await?;
    let metadata: Value = serde_json::from_slice(&fetched.body)
        .map_err(|error| FetchError(format!("{url} is not JSON: {error}")))?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    if text("issuer") != Some(&cache.issuer) {
        let found = text("issuer").unwrap_or("nothing");
        return Err(FetchError(format!("{url} is of the issuer {found}, not {}", cache.issuer)));
    }
    let jwks = text("jwks_uri").ok_or_else(|| FetchError(format!("{url} has no jwks_uri")))?;
    let separator = if jwks.contains('?') { '&' } else { '?' };
    let jwks = format!("{jwks}{separator}rs={}", cache.name);
    Ok(Endpoints { jwks, feed: text("signet_revocations_uri").map(str::to_owned) })
}
