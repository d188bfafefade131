//! The examples in Rust and the revocation feed: with an issuer that the test controls, and with Signet.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use signet::crypto::jwt::{SigningKey, decode_unverified};
use signet::domain::signing_key::SigningAlg;

use super::forge::{ENDED_SESSION, Forge, Request, SESSION};
use super::issuer::{FEED, JWKS, StandIn, now};
use super::runner::{AUDIENCE, Response, Running, send};
use super::rust::built;
use crate::support::process::{Launch, until};
use crate::support::relying_party::signed;
use crate::support::server::{Options, PASSWORD, Server, Tokens};
use crate::support::{Backend, postgres, require};

/// The example in each framework; its policy for a feed that is not recent is in `WITHOUT_FEED`.
const EXAMPLES: [&str; 2] = ["rust-actix", "rust-axum"];

fn start(example: &str, without_feed: &str, issuer: &str) -> Running {
    Running::start(Command::new(built(example)).env("WITHOUT_FEED", without_feed), issuer)
}

async fn ask(resource_server: &Running, token: &str) -> Response {
    let headers = vec![("Authorization".to_owned(), format!("Bearer {token}"))];
    let request =
        Request { method: "GET", target: "/orders".to_owned(), headers, body: String::new() };
    send(&resource_server.base, &request).await
}

async fn status(resource_server: &Running, token: &str) -> u16 {
    ask(resource_server, token).await.status
}

/// Waits until the resource server has fetched the feed `more` further times.
async fn polls(issuer: &StandIn, more: usize) {
    let before = issuer.asked(FEED);
    until("another poll", async || issuer.asked(FEED) >= before + more).await;
}

/// A session that ended is refused after the next poll, and stays refused while the issuer is unreachable and when an
/// older feed is served.
#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_stay_refused() {
    for example in EXAMPLES {
        let issuer = StandIn::start().await;
        let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let running = start(example, "open", &issuer.base);
        let token = forge.good();
        assert_eq!(status(&running, &token).await, 200);
        let older = issuer.feed_at(now());
        let before = issuer.asked(FEED);
        issuer.feed(|feed| _ = feed.sid.insert(SESSION.to_owned(), now() + 600));
        let mut asked = before;
        until("the refusal", async || {
            asked = issuer.asked(FEED);
            status(&running, &token).await == 401
        })
        .await;
        // One poll may have been answered just before the session ended.
        assert!(asked <= before + 2, "{example}: {} polls", asked - before);
        assert!(ask(&running, &token).await.challenge.contains("revoked"), "{example}");

        issuer.unplug(true);
        assert_eq!(status(&running, &token).await, 401, "{example}: unplugged");
        issuer.feed(|feed| feed.sid.clear());
        issuer.fix_feed(Some(older));
        issuer.unplug(false);
        polls(&issuer, 2).await;
        assert_eq!(status(&running, &token).await, 401, "{example}: an older feed");
        issuer.fix_feed(None);
        polls(&issuer, 2).await;
        assert_eq!(status(&running, &token).await, 401, "{example}: a feed without the entry");
    }
}

/// Without a recent feed an unlisted token gets 503 or 200, depending on the setting. Listed entries are refused,
/// however old the feed is.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_not_recent_is_a_choice() {
    let issuer = StandIn::start().await;
    let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
    issuer.feed(|feed| _ = feed.sid.insert(ENDED_SESSION.to_owned(), now() + 600));
    issuer.fix_feed(Some(issuer.feed_at(now() - 90)));
    for example in EXAMPLES {
        for (policy, expected) in [("closed", 503), ("open", 200)] {
            let running = start(example, policy, &issuer.base);
            assert_eq!(status(&running, &forge.good()).await, expected, "{example} {policy}");
            let ended = forge.with(|_, claims| claims["sid"] = json!(ENDED_SESSION));
            assert_eq!(status(&running, &ended).await, 401, "{example} {policy}");
            assert_eq!(status(&running, "x").await, 401, "{example} {policy}");
        }
    }
}

/// A feed signed by an unknown key, of another issuer or type, or from the future is ignored.
#[tokio::test(flavor = "multi_thread")]
async fn feeds_not_of_the_issuer_are_ignored() {
    let issuer = StandIn::start().await;
    let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
    let until = now() + 600;
    issuer.feed(|feed| _ = feed.sid.insert(SESSION.to_owned(), until));
    let foreign = &issuer.keys.foreign[0];
    let named = SigningKey::generate(SigningAlg::Es256).unwrap().key;
    let named = named.named(issuer.feed_key().kid.clone());
    let typ = "revocations+jwt";
    let other = |claims: &mut Value| claims["iss"] = json!("https://other.example.com");
    let as_access_token = |claims: &mut Value| {
        let token = forge.claims();
        claims.as_object_mut().unwrap().extend(token.as_object().unwrap().clone());
    };
    let feeds = [
        ("an unknown key", issuer.feed_with(foreign, typ, |_| ())),
        ("another key of the same name", issuer.feed_with(&named, typ, |_| ())),
        ("another issuer", issuer.feed_with(issuer.feed_key(), typ, other)),
        ("an access token", issuer.feed_with(issuer.feed_key(), "at+jwt", as_access_token)),
        ("a clock that is 90 seconds ahead", issuer.feed_at(now() + 90)),
        ("no token", "x".to_owned()),
    ];
    for example in EXAMPLES {
        for (what, feed) in &feeds {
            issuer.fix_feed(Some(feed.clone()));
            for (policy, expected) in [("closed", 503), ("open", 200)] {
                let running = start(example, policy, &issuer.base);
                let found = status(&running, &forge.good()).await;
                assert_eq!(found, expected, "{example} {policy}: {what}");
            }
        }
        // The same entry in a valid feed.
        issuer.fix_feed(None);
        let running = start(example, "open", &issuer.base);
        assert_eq!(status(&running, &forge.good()).await, 401, "{example}");
        let feed = issuer.feed_at(now());
        assert_eq!(status(&running, &feed).await, 401, "{example}: a feed as an access token");
    }
}

/// Tokens with unknown keys do not cause a request each. Known keys stay in use while the issuer is down; a verifier
/// without any keys answers 503.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_seldom_and_kept() {
    for example in EXAMPLES {
        let issuer = StandIn::start().await;
        let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let begun = Instant::now();
        let running = start(example, "open", &issuer.base);
        let client = reqwest::Client::new();
        for nth in 0..1_000 {
            let token = forge.with(|header, _| header["kid"] = json!(format!("unknown-{nth}")));
            let request = client.get(format!("{}/orders", running.base)).bearer_auth(token);
            assert_eq!(request.send().await.unwrap().status(), 401);
        }
        let pauses = usize::try_from(begun.elapsed().as_secs() / 30).unwrap();
        let asked = issuer.asked(JWKS);
        assert!(asked <= 2 + pauses, "{example}: {asked} fetches");
        let named = issuer.targets().iter().any(|target| *target == format!("{JWKS}?rs={example}"));
        assert!(named, "{example}: {:?}", issuer.targets());
        issuer.unplug(true);
        assert_eq!(status(&running, &forge.good()).await, 200, "{example}");
        let late = start(example, "open", &issuer.base);
        assert_eq!(status(&late, &forge.good()).await, 503, "{example}");
    }
}

/// A bound token passes once with each proof of its key, and never as Bearer.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_needs_a_proof() {
    let issuer = StandIn::start().await;
    let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
    let key = &issuer.keys.foreign[0];
    let token = forge.with(|_, claims| claims["cnf"] = json!({"jkt": key.public.thumbprint()}));
    for example in EXAMPLES {
        let running = start(example, "open", &issuer.base);
        let proof = |method: &str, jti: &str| {
            let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
            let ath = signet::crypto::digest::sha256_base64url(token.as_bytes());
            let claims = json!({"htm": method, "htu": format!("{}/orders", running.base),
                "jti": jti, "iat": now(), "ath": ath});
            signed(key, &header, &claims)
        };
        let ask = async |scheme: &str, proof: &str| {
            let headers = vec![
                ("Authorization".to_owned(), format!("{scheme} {token}")),
                ("DPoP".to_owned(), proof.to_owned()),
            ];
            let target = "/orders?page=2".to_owned();
            let request = Request { method: "GET", target, headers, body: String::new() };
            send(&running.base, &request).await.status
        };
        let good = proof("GET", "one");
        assert_eq!(ask("DPoP", &good).await, 200, "{example}");
        assert_eq!(ask("DPoP", &good).await, 401, "{example}: replayed");
        assert_eq!(ask("DPoP", &proof("POST", "two")).await, 401, "{example}: another method");
        assert_eq!(ask("Bearer", &proof("GET", "three")).await, 401, "{example}: as Bearer");
    }
}

async fn api_token(server: &Server) -> Tokens {
    let root = server.administrator("root").await;
    let api = json!({"identifier": AUDIENCE, "scopes": ["orders:read"]});
    server.call_as(reqwest::Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    server.register("ada").await;
    let body = json!({"login": "ada", "password": PASSWORD, "audience": AUDIENCE});
    Tokens::of(&server.post("/v1/login", body).await)
}

/// A session that one process of Signet ended is refused by a resource server that reads the feed of another.
#[tokio::test(flavor = "multi_thread")]
async fn an_ending_reaches_readers_of_another_process() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "feed: two processes and a resource server");
    };
    let on = || Options::on(Backend::Postgres).on_database(&url).real_clock();
    let one = on().start().await;
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let two = on().with("SIGNET_MASTER_KEY", key.trim()).with("SIGNET_ISSUER", &one.base);
    let two = two.start().await;
    let tokens = api_token(&one).await;
    let running: Vec<Running> =
        EXAMPLES.iter().map(|example| start(example, "closed", &one.base)).collect();
    for running in &running {
        assert_eq!(status(running, &tokens.access).await, 200);
    }
    two.post("/v1/logout", json!({"refresh_token": tokens.refresh})).await.is(204);
    for running in &running {
        until("the refusal", async || status(running, &tokens.access).await == 401).await;
    }
}

/// An acknowledged ending is in the feed after the process was killed.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_ending_survives_a_kill() {
    let launch = Launch::new();
    let mut process = launch.start().await;
    let body = json!({"login": "ada", "password": PASSWORD});
    process.caller().post("/v1/register", &body).await.is(201);
    let tokens = Tokens::of(&process.caller().post("/v1/login", &body).await);
    let refresh = json!({"refresh_token": tokens.refresh});
    process.caller().post("/v1/logout", &refresh).await.is(204);
    process.kill();
    let process = launch.start().await;
    let feed = process.caller().get(FEED).await;
    let claims = decode_unverified(&feed.is(200).text).claims.unwrap();
    let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
    assert!(claims["sid"].get(&sid).is_some(), "{claims:?}");
}
