//! Automatic and manual rotation of keys, as verifiers see it, on both databases.

mod third_party_verifiers;

use std::net::IpAddr;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::verifiers::write_verifiers;
use signet::app::{Fetcher, MAX_UNKNOWN_OF_NETWORK};
use signet::base::{TimeSpan, Timestamp};
use signet::domain::key_rotation::{Change, SPREADING};
use signet::jobs::key_rotation::{self, Ticked};
use signet::store::verifiers;

use crate::support::server::{Options, PASSWORD, Tokens, pair};
use crate::support::{Backend, Server, on_both};

const ES256: &str = "ES256";

/// One run of the job. Returns the steps that were taken.
async fn tick(server: &Server) -> Vec<Change> {
    match key_rotation::tick(&server.app).await.unwrap() {
        Ticked::Done(changes) => changes,
        Ticked::Paused => panic!("the clock was not believed"),
    }
}

/// Advances the clock with regular runs of the job.
async fn pass(server: &Server, span: TimeSpan) {
    let step = TimeSpan::from_mins(30);
    let mut left = span;
    while left > TimeSpan::ZERO {
        server.advance(step.min(left));
        left = left - step.min(left);
        tick(server).await;
    }
}

async fn jwks(server: &Server) -> Value {
    server.get("/.well-known/jwks.json?rs=tests").await.is(200).json()
}

/// The `kid` values of the published keys of one algorithm, in their order.
fn kids(jwks: &Value, alg: &str) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap();
    let of = keys.iter().filter(|key| key["alg"] == alg);
    of.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid_of(tokens: &Tokens) -> String {
    use base64::Engine as _;
    let header = tokens.access.split('.').next().unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&bytes).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn max_age(server: &Server) -> i64 {
    let answer = server.get("/.well-known/jwks.json?rs=tests").await;
    let header = answer.header("cache-control").to_owned();
    let (_, rest) = header.split_once("max-age=").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

async fn audited(server: &Server, admin: &Tokens, kind: &str) -> Vec<String> {
    let events = server.events(admin, kind).await;
    events.iter().map(|event| event["detail"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_rotation_interrupts_no_session() {
    on_both("rotation", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        tick(&server).await;
        let first = kids(&jwks(&server).await, ES256);
        assert_eq!(first.len(), 1);
        assert_eq!(kid_of(&server.login("ada").await), first[0]);
        assert_eq!(max_age(&server).await, 300);

        // Just before the successor is published, caches expire in time.
        pass(&server, TimeSpan::from_days(89) - TimeSpan::from_secs(100)).await;
        assert_eq!(max_age(&server).await, 100);
        assert_eq!(kids(&jwks(&server).await, ES256), first);
        pass(&server, TimeSpan::from_secs(100)).await;
        let both = kids(&jwks(&server).await, ES256);
        assert_eq!((both.len(), &both[0]), (2, &first[0]), "the one that signs stands first");
        let second = both[1].clone();
        assert_eq!(kid_of(&server.login("ada").await), first[0]);
        assert_eq!(max_age(&server).await, 300);

        // A day later it signs; tokens of the old key are still valid.
        pass(&server, TimeSpan::from_days(1) - TimeSpan::from_secs(60)).await;
        let old = server.login("ada").await;
        assert_eq!(kid_of(&old), first[0]);
        jwks(&server).await;
        pass(&server, TimeSpan::from_secs(60)).await;
        let new = server.login("ada").await;
        assert_eq!(kid_of(&new), second);
        assert_eq!(kids(&jwks(&server).await, ES256), [second.clone(), first[0].clone()]);
        for tokens in [&old, &new] {
            server.get_as("/v1/me", &tokens.access).await.is(200);
        }

        // An hour after the last token expired the old key is removed.
        pass(&server, TimeSpan::from_mins(65)).await;
        assert_eq!(kids(&jwks(&server).await, ES256).len(), 2);
        pass(&server, TimeSpan::from_mins(30)).await;
        assert_eq!(kids(&jwks(&server).await, ES256), std::slice::from_ref(&second));
        let admin = server.administrator("root").await;
        assert!(audited(&server, &admin, "key.published").await.contains(&second));
        assert!(audited(&server, &admin, "key.activated").await.contains(&second));
        assert!(audited(&server, &admin, "key.retired").await.contains(&first[0]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_verifiers_are_waited_for_and_named() {
    on_both("waiting for verifiers", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let admin = server.administrator("root").await;
        let fetch = async |rs: &str| {
            server.get(&format!("/.well-known/jwks.json?x=1&rs={rs}&y")).await.is(200);
        };
        for rs in ["orders", "billing", "shipping"] {
            register(&server, &admin, rs).await;
            fetch(rs).await;
        }
        tick(&server).await;
        let rotate =
            server.call_as(Method::POST, "/v1/admin/keys/rotate", &admin.access, json!(null));
        assert_eq!(rotate.await.is(200).json()["data"].as_array().unwrap().len(), 2);
        server.advance(TimeSpan::from_mins(10));
        for rs in ["orders", "shipping"] {
            fetch(rs).await;
        }
        let key = async |state: &str| {
            let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
            let admin = Tokens::of(&server.post("/v1/login", body).await);
            let keys = server.get_as("/v1/admin/keys", &admin.access).await.is(200).json();
            let keys = keys["data"].as_array().unwrap().clone();
            keys.into_iter().find(|key| key["state"] == state && key["alg"] == ES256).unwrap()
        };
        let next = key("published").await;
        assert_eq!(next["verifiers"]["known"], 3);
        assert_eq!(next["verifiers"]["holding"], 2);
        assert_eq!(next["verifiers"]["missing"][0]["name"], "billing");
        assert_eq!(next["next"]["what"], "active");
        assert_eq!(next["next"]["waits_for_verifiers"], false);

        // The day is over and `billing` has not fetched the key: rotation waits for it.
        pass(&server, TimeSpan::from_days(1)).await;
        let waiting = key("published").await;
        assert_eq!(waiting["kid"], next["kid"]);
        assert_eq!(waiting["next"]["waits_for_verifiers"], true);
        fetch("billing").await;
        tick(&server).await;
        assert_eq!(key("active").await["kid"], next["kid"]);
    })
    .await;
}

/// Registers a client of this name.
async fn register(server: &Server, admin: &Tokens, name: &str) {
    let client = json!({"client_id": name, "name": name, "type": "service"});
    server.call_as(Method::POST, "/v1/admin/clients", &admin.access, client).await.is(201);
}

/// Unknown names evict each other and no known resource server; they are neither shown nor waited for.
#[tokio::test(flavor = "multi_thread")]
async fn invented_names_neither_hide_nor_delay_a_resource_server() {
    on_both("invented names", async |backend| {
        let server = Server::start(backend).await;
        let fetch_from = |rs: &str, times, address: Option<IpAddr>| {
            for _ in 0..times {
                let fetcher = Fetcher { name: Some(rs), user_agent: "", address };
                server.app.count_jwks_fetch(fetcher, server.now());
            }
        };
        let fetch = |rs: &str, times| fetch_from(rs, times, None);
        let flood = async |round: u32| {
            for number in 0..2_500 {
                fetch_from(&format!("invented-{round}-{number}"), 2, Some(network(number)));
                if number % 1_000 == 999 {
                    tick(&server).await;
                }
            }
            tick(&server).await;
        };
        let known = async || {
            let mut names: Vec<String> = verifiers_of(&server).await;
            names.sort();
            names
        };
        let rows = async || {
            let mut reader = server.app.db.reader().await.unwrap();
            verifiers::count(&mut reader).await.unwrap()
        };
        // Not registered: it becomes known by its fetches.
        fetch("legacy", 3);
        tick(&server).await;
        server.advance(TimeSpan::from_mins(24 * 60 - 1));
        fetch("legacy", 1);
        tick(&server).await;
        assert_eq!(known().await, [""; 0], "not for a day yet");
        server.advance(TimeSpan::from_mins(1));
        tick(&server).await;
        assert_eq!(known().await, ["legacy"]);

        flood(1).await;
        // 1,000 unknown names and the known ones. The server's own job may write a batch of 100 at the same moment
        // as the test; the next batch evicts them.
        let at_once = 100;
        assert!(rows().await <= 1_001 + at_once, "{}", rows().await);
        let admin = server.administrator("root").await;
        register(&server, &admin, "orders").await;
        server.app.reload_if_changed().await.unwrap();
        fetch("orders", 1);
        flood(2).await;
        for number in 0..1_500 {
            fetch_from(&format!("invented-3-{number}"), 2, Some(network(number)));
        }
        // All places are taken by names of this moment; both are recorded nevertheless.
        server.advance(TimeSpan::from_mins(1));
        fetch("orders", 1);
        fetch("legacy", 1);
        tick(&server).await;
        assert_eq!(known().await, ["legacy", "orders"]);
        assert!(rows().await <= 1_002 + at_once, "{}", rows().await);

        // A rotation waits for these two, not for the invented names.
        let body = json!({"alg": ES256});
        let rotate = server.call_as(Method::POST, "/v1/admin/keys/rotate", &admin.access, body);
        let next = rotate.await.is(200).json()["data"][0]["kid"].as_str().unwrap().to_owned();
        server.advance(TimeSpan::from_mins(10));
        fetch("orders", 1);
        fetch("legacy", 1);
        pass(&server, TimeSpan::from_days(1)).await;
        tick(&server).await;
        assert_eq!(kids(&jwks(&server).await, ES256)[0], next);
    })
    .await;
}

/// The names of the known verifiers.
async fn verifiers_of(server: &Server) -> Vec<String> {
    let known = signet::admin::verifiers::known(&server.app, server.now()).await.unwrap();
    known.into_iter().map(|seen| seen.name).collect()
}

/// One of many networks.
fn network(number: u32) -> IpAddr {
    let [.., high, low] = number.to_be_bytes();
    IpAddr::from([10, high, low, 1])
}

/// A network can add a few names at a time, and the newest is among them.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_can_have_few_invented_names_stored() {
    let options = Options::on(Backend::Sqlite);
    let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let fetch = async |address: &str, number: u32| {
        let path = format!("/.well-known/jwks.json?rs=invented-{number}");
        let request = server.request(Method::GET, &path).header("x-forwarded-for", address);
        server.send(request).await.is(200);
    };
    for number in 0..=200 {
        fetch("192.0.2.1", number).await;
    }
    fetch("192.0.3.1", 1_000).await;
    tick(&server).await;
    let mut reader = server.app.db.reader().await.unwrap();
    let since = Timestamp::from_secs(0);
    let seen = verifiers::since(&mut reader, since, 500).await.unwrap();
    assert_eq!(seen.len(), MAX_UNKNOWN_OF_NETWORK + 1);
    assert!(seen.iter().any(|seen| seen.name == "invented-200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_never_comes_is_not_waited_for_for_ever() {
    let server = Server::start(Backend::Sqlite).await;
    let admin = server.administrator("root").await;
    register(&server, &admin, "gone").await;
    server.get("/.well-known/jwks.json?rs=gone").await.is(200);
    tick(&server).await;
    let body = json!({"alg": ES256});
    let rotate = server.call_as(Method::POST, "/v1/admin/keys/rotate", &admin.access, body);
    let next = rotate.await.is(200).json()["data"][0]["kid"].as_str().unwrap().to_owned();
    pass(&server, TimeSpan::from_days(2) - TimeSpan::from_mins(60)).await;
    assert_ne!(kids(&jwks(&server).await, ES256)[0], next);
    pass(&server, TimeSpan::from_mins(120)).await;
    assert_eq!(kids(&jwks(&server).await, ES256)[0], next);
}

/// Two processes on one database run the job concurrently.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_rotate_twice() {
    let Some((one, two)) = pair("two processes that rotate").await else { return };
    one.register("ada").await;
    let mut changes = Vec::new();
    for _ in 0..4 {
        for hours in [89 * 24, 24, 2] {
            for server in [&one, &two] {
                server.advance(TimeSpan::from_mins(hours * 60));
            }
            let ticks = (0..4).map(|number| tick(if number % 2 == 0 { &one } else { &two }));
            changes.extend(join_all(ticks).await.into_iter().flatten());
            // The process that lost the race learns of the step within a second, and signs with the key.
            for server in [&one, &two] {
                server.app.reload_if_changed().await.unwrap();
            }
            let (here, there) = (one.login("ada").await, two.login("ada").await);
            assert_eq!(kid_of(&here), kid_of(&there));
            two.get_as("/v1/me", &here.access).await.is(200);
            one.get_as("/v1/me", &there.access).await.is(200);
        }
    }
    let count = |wanted: fn(&Change) -> bool| changes.iter().filter(|c| wanted(c)).count();
    // Four rotations of two algorithms, each step once.
    assert_eq!(count(|change| matches!(change, Change::Publish(_))), 8);
    assert_eq!(count(|change| matches!(change, Change::Activate { .. })), 8);
    assert_eq!(count(|change| matches!(change, Change::Retire { .. })), 8);
    for alg in [ES256, "RS256"] {
        assert_eq!(kids(&jwks(&one).await, alg).len(), 1);
        assert_eq!(kids(&jwks(&one).await, alg), kids(&jwks(&two).await, alg));
    }
}

/// An attacker fills two processes with invented names at once: all are written, and neither process blocks the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_the_same_verifiers_down() {
    let Some((one, two)) = pair("two processes that count verifiers").await else { return };
    for _ in 0..5 {
        for number in 0..1_000 {
            let name = format!("invented-{number}");
            for app in [&one.app, &two.app] {
                let address = Some(network(number));
                let fetcher = Fetcher { name: Some(&name), user_agent: "", address };
                app.count_jwks_fetch(fetcher, one.now());
            }
        }
        let written = [&one, &two].map(|server| write_verifiers(&server.app, server.now()));
        for outcome in join_all(written).await {
            outcome.unwrap();
        }
    }
    let mut reader = one.app.db.reader().await.unwrap();
    let seen = verifiers::since(&mut reader, Timestamp::from_secs(0), 2_000).await.unwrap();
    let invented: Vec<_> = seen.iter().filter(|v| v.name.starts_with("invented-")).collect();
    assert_eq!(invented.len(), 1_000);
    assert!(invented.iter().all(|verifier| verifier.fetches == 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_destroys_nothing() {
    on_both("a bad clock", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        tick(&server).await;
        let session = server.login("ada").await;
        let before = jwks(&server).await;
        for years in [20, -10] {
            let jump = TimeSpan::from_days(365 * years);
            server.jump(jump);
            for _ in 0..5 {
                server.advance(TimeSpan::from_mins(5));
                assert_eq!(key_rotation::tick(&server.app).await.unwrap(), Ticked::Paused);
                signet::jobs::housekeep(&server.app, server.now()).await.unwrap();
            }
            assert_eq!(jwks(&server).await, before);
            server.jump(TimeSpan::ZERO - jump);
            server.advance(TimeSpan::from_mins(1));
            assert_eq!(tick(&server).await, []);
            // The session, long expired by the wrong clock, was not removed.
            server.refresh(&session.refresh).await.is(200);
            server.advance(TimeSpan::from_secs(40));
        }
        // A clock that stays ahead is accepted after an hour, and then one step is taken at a time.
        server.jump(TimeSpan::from_days(365));
        assert_eq!(key_rotation::tick(&server.app).await.unwrap(), Ticked::Paused);
        server.advance(TimeSpan::from_mins(60));
        let changes = tick(&server).await;
        assert!(changes.iter().all(|c| matches!(c, Change::Publish(_))), "{changes:?}");
        assert_eq!(kids(&jwks(&server).await, ES256)[0], kids(&before, ES256)[0]);
        assert_eq!(tick(&server).await, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_and_retiring_by_hand_at_once() {
    on_both("rotation by hand", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let admin = server.administrator("root").await;
        let call = async |path: &str, body: Value| {
            server.call_as(Method::POST, path, &admin.access, body).await
        };
        let old = server.login("ada").await;
        let (first, before) = (kid_of(&old), jwks(&server).await);
        call("/v1/admin/keys/rotate", json!({"alg": "none"}))
            .await
            .is_problem(422, "validation_failed");
        call("/v1/admin/keys/rotate", json!({"now": "yes"}))
            .await
            .is_problem(422, "validation_failed");
        let answer = call("/v1/admin/keys/rotate", json!({"alg": ES256, "now": true})).await;
        let changed = answer.is(200).json();
        assert_eq!(changed["data"][0]["state"], "published");
        let hurt = changed["warnings"].as_array().unwrap();
        assert!(hurt.iter().any(|line| line.as_str().unwrap().starts_with("Envoy")), "{hurt:?}");
        let second = changed["data"][0]["kid"].as_str().unwrap().to_owned();
        assert_eq!(kid_of(&server.login("ada").await), first, "not everywhere yet");
        server.advance(SPREADING);
        key_rotation::follow_orders(&server.app).await.unwrap();
        let new = server.login("ada").await;
        assert_eq!(kid_of(&new), second);
        server.get_as("/v1/me", &old.access).await.is(200);
        assert_eq!(kids(&jwks(&server).await, "RS256"), kids(&before, "RS256"));

        // A key whose tokens are still valid is removed only with `now`.
        let retire = |kid: &str| format!("/v1/admin/keys/{kid}/retire");
        for kid in [&first, &second] {
            call(&retire(kid), json!(null)).await.is_problem(409, "conflict");
        }
        call(&retire("nobody"), json!({"now": true})).await.is_problem(404, "not_found");
        call(&retire(&first), json!({"now": true})).await.is(204);
        // The administrator's own token was signed by it.
        call(&retire(&first), json!({"now": true})).await.is_problem(401, "invalid_token");
        let admin = server.administrator("root1").await;
        let again = retire(&first);
        let again = server.call_as(Method::POST, &again, &admin.access, json!({"now": true})).await;
        again.is_problem(409, "conflict");
        assert_eq!(kids(&jwks(&server).await, ES256), std::slice::from_ref(&second));
        server.get_as("/v1/me", &old.access).await.is_problem(401, "invalid_token");
        server.get_as("/v1/me", &new.access).await.is(200);

        // For a stolen key that signs, a successor signs in the same transaction.
        let stolen = server
            .call_as(Method::POST, &retire(&second), &admin.access, json!({"now": true}))
            .await;
        stolen.is(204);
        let after = server.login("ada").await;
        assert_ne!(kid_of(&after), second);
        assert_eq!(kids(&jwks(&server).await, ES256), [kid_of(&after)]);
        let admin = server.administrator("root2").await;
        assert!(audited(&server, &admin, "key.activated").await.contains(&kid_of(&after)));
        server.get_as("/v1/me", &new.access).await.is_problem(401, "invalid_token");
        server.get_as("/v1/me", &after.access).await.is(200);
    })
    .await;
}

/// Sixteen administrators rotate concurrently: one successor.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_rotate_at_once_make_one_successor() {
    on_both("rotation races", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let admin = server.administrator("root").await;
        for _ in 0..3 {
            let before = kids(&jwks(&server).await, ES256);
            let signed = kid_of(&server.login("ada").await);
            let all = join_all((0..16).map(|_| {
                let body = json!({"alg": ES256, "now": true});
                server.call_as(Method::POST, "/v1/admin/keys/rotate", &admin.access, body)
            }))
            .await;
            for answer in &all {
                assert!([200, 409].contains(&answer.status), "{}", answer.text);
            }
            server.advance(SPREADING);
            key_rotation::follow_orders(&server.app).await.unwrap();
            let after = kids(&jwks(&server).await, ES256);
            assert!(all.iter().any(|answer| answer.status == 200));
            // Exactly one key signs, and it is another one: a new key, or one that was published in the
            // previous round and had not signed. Every key that has signed is still in the set.
            let signing = kid_of(&server.login("ada").await);
            assert_ne!(signing, signed);
            assert_eq!(after[0], signing);
            for kid in &before {
                assert!(after.contains(kid));
            }
        }
    })
    .await;
}
