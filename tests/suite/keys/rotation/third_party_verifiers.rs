//! Three rotations in simulated time, observed by third-party verifiers with their own caches.
//!
//! `cargo test --test suite -- third_party_verifiers --nocapture` prints the table. `SIGNET_TEST_STEP` is the
//! number of seconds between two tokens far from any change; near a change it is five.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::{TimeSpan, Timestamp};

use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::third_party_verifier::{AUDIENCE, ThirdPartyVerifier};
use crate::support::{Backend, Server, require};

const DENSE: TimeSpan = TimeSpan::from_secs(5);
/// The time around a change in which tokens are issued every few seconds.
const NEAR: TimeSpan = TimeSpan::from_mins(3);

/// A Rust service that caches the set for its `max-age`, or for ten minutes, and never fetches because of an
/// unknown key (as Envoy).
struct Rust {
    name: &'static str,
    keeps: Option<TimeSpan>,
    keys: JwkSet,
    until: Timestamp,
}

impl Rust {
    fn new(name: &'static str, keeps: Option<TimeSpan>) -> Self {
        Self { name, keeps, keys: JwkSet { keys: Vec::new() }, until: Timestamp::from_secs(0) }
    }

    async fn verify(&mut self, server: &Server, tokens: &[String]) -> Vec<String> {
        let now = server.now();
        if now >= self.until {
            let answer = server.get(&format!("/.well-known/jwks.json?rs={}", self.name)).await;
            let header = answer.header("cache-control").to_owned();
            let age = header.split_once("max-age=").unwrap().1;
            let age: i64 = age.split(',').next().unwrap().parse().unwrap();
            self.keys = serde_json::from_str(&answer.is(200).text).unwrap();
            self.until = now + self.keeps.unwrap_or(TimeSpan::from_secs(age));
        }
        let refused = |token: &String| self.check(server, token, now).err();
        tokens.iter().filter_map(refused).collect()
    }

    fn check(&self, server: &Server, token: &str, now: Timestamp) -> Result<(), String> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
        let kid = header.kid.ok_or("no kid")?;
        let jwk = self.keys.find(&kid).ok_or("unknown kid")?;
        let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
        let mut rules = Validation::new(header.alg);
        rules.set_issuer(&[&server.base]);
        rules.set_audience(&[AUDIENCE]);
        // The library reads the machine's clock.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &rules)
            .map_err(|error| error.to_string())?
            .claims;
        let expired = claims["exp"].as_i64().is_none_or(|exp| exp <= now.secs());
        if expired { Err("expired".to_owned()) } else { Ok(()) }
    }
}

/// The result of one verifier.
#[derive(Default)]
struct Line {
    tokens: usize,
    refused: Vec<String>,
    named: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn third_party_verifiers_follow_three_rotations() {
    let server = Options::on(Backend::Sqlite)
        // Not a multiple of a day, so that a verifier that fetches once a day does so at another hour of each period.
        .with("SIGNET_KEY_ROTATION", "70h")
        .with("SIGNET_REFRESH_IDLE_TTL", "180d")
        .start()
        .await;
    let node = ThirdPartyVerifier::node("verify.mjs", &server.base);
    let mut strangers: Vec<ThirdPartyVerifier> =
        node.into_iter().chain(ThirdPartyVerifier::python("verify.py", &server.base)).collect();
    let mut rust =
        [Rust::new("rust-header", None), Rust::new("rust-10min", Some(TimeSpan::from_mins(10)))];

    let root = server.administrator("root").await;
    let api = json!({"identifier": AUDIENCE});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let login = json!({"login": "root", "password": PASSWORD, "audience": AUDIENCE});
    let mut tokens = Tokens::of(&server.post("/v1/login", login).await);

    let quiet =
        TimeSpan::from_secs(require::number("SIGNET_TEST_STEP").map_or(600, u64::cast_signed));
    let mut table: BTreeMap<String, Line> = BTreeMap::new();
    let mut young: Vec<(Timestamp, String)> = Vec::new();
    let mut kids = std::collections::BTreeSet::new();
    let mut last_change = server.now();
    // Almost three days each; the fourth key begins to sign, and the third is removed.
    while kids.len() < 4 || server.now() - last_change < TimeSpan::from_mins(120) {
        let next = server.app.keyring().next_change;
        let near = server.now() - last_change < NEAR
            || next.is_some_and(|at| at - server.now() < NEAR + quiet);
        server.advance(if near { DENSE } else { quiet });
        let before = server.app.keyring().jwks.etag.clone();
        signet::jobs::key_rotation::tick(&server.app).await.unwrap();
        if server.app.keyring().jwks.etag != before {
            last_change = server.now();
        }
        tokens = Tokens::of(&server.refresh(&tokens.refresh).await);
        let header = jsonwebtoken::decode_header(&tokens.access).unwrap();
        kids.insert(header.kid.unwrap());
        // The newest token, and the oldest that is still valid.
        let now = server.now();
        young.retain(|(made, _)| now - *made < TimeSpan::from_mins(10));
        let mut asked = vec![tokens.access.clone()];
        asked.extend(young.first().map(|(_, token)| token.clone()));
        young.push((now, tokens.access.clone()));

        let mut failures = BTreeMap::new();
        for stranger in &mut strangers {
            let asked = json!({"now": now.millis(), "tokens": asked});
            failures.extend(stranger.ask::<BTreeMap<String, Vec<String>>>(&asked));
        }
        for verifier in &mut rust {
            failures.insert(verifier.name.to_owned(), verifier.verify(&server, &asked).await);
        }
        for (name, refused) in failures {
            let line = table.entry(name).or_default();
            line.tokens += asked.len();
            line.refused.extend(refused);
        }
        if !near {
            name_the_absent(&server, &mut table).await;
        }
    }

    eprintln!("{:<14} {:>8} {:>8}  named as lacking a key", "verifier", "tokens", "refused");
    for (name, line) in &table {
        let named = if line.named { "yes" } else { "" };
        eprintln!("{name:<14} {:>8} {:>8}  {named}", line.tokens, line.refused.len());
    }
    for (name, line) in &table {
        assert!(line.refused.is_empty(), "{name}: {:?}", line.refused);
        assert!(line.tokens > 1_000);
    }
    // A verifier that fetches once a day lacks the new key for hours, and is named; one that respects the
    // header lacks it only briefly.
    if let Some(nightly) = table.get("nightly") {
        assert!(nightly.named);
    }
    assert!(!table["rust-header"].named);
}

/// Names the verifiers that lack a published key an hour after its publication.
async fn name_the_absent(server: &Server, table: &mut BTreeMap<String, Line>) {
    let now = server.now();
    let app = server.app.clone();
    let keys = server.app.run_to_completion(signet::admin::keys::list(app, now)).await.unwrap();
    for key in keys.iter().filter(|key| now - key.since > TimeSpan::from_mins(60)) {
        for missing in key.verifiers.iter().flat_map(|held| &held.missing) {
            table.entry(missing.name.clone()).or_default().named = true;
        }
    }
}
