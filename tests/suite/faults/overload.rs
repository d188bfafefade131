//! More log-ins than can be hashed: which are served, which get 503, and which are unaffected.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::crypto::password::{Lane, Requester, Slot};
use signet::domain::rate_limit::STANDING;
use signet::metrics::ResultLabel;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::process::until;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server, on_both};

/// A server with one thread for hashes, which accepts the client address from a header. A hash takes so long
/// that fewer than the available places fill the wait, and the wait is long enough for a busy machine.
async fn one_thread() -> Server {
    Options::on(Backend::Sqlite)
        .with("SIGNET_HASH_WORKERS", "1")
        .with("SIGNET_HASH_MAX_WAIT", "20s")
        .with("SIGNET_ARGON2_MEMORY_KIB", "65536")
        .with("SIGNET_ARGON2_ITERATIONS", "2")
        .with("SIGNET_RATE_LIMITS", "on")
        .with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32")
        .start()
        .await
}

async fn login_from(server: &Server, address: &str, login: &str, password: &str) -> Answer {
    let request = server.request(Method::POST, "/v1/login").header("x-forwarded-for", address);
    server.send(request.json(&json!({"login": login, "password": password}))).await
}

/// Fills every place for strangers, so that no other is admitted: more of them from networks of their own,
/// each time it is called.
fn fill(server: &Server, crowd: &mut Vec<Slot>) {
    loop {
        let number = u32::try_from(crowd.len()).unwrap();
        // Each in a prefix of its own.
        let address = IpAddr::from((0x0a00_0000 + (number << 8)).to_be_bytes());
        match server.app.reserve_hash_slot(Lane::Stranger, Requester::Address(address)) {
            Ok(place) => crowd.push(place),
            Err(_) => return,
        }
    }
}

fn hashes(server: &Server, result: &'static str) -> u64 {
    server.app.metrics.hashes.get_or_create(&ResultLabel { result }).get()
}

#[track_caller]
fn is_busy(answer: &Answer) {
    answer.is_problem(503, "unavailable");
    let retry_after = answer.header("retry-after").parse::<i64>().unwrap();
    assert!(retry_after >= 1);
    assert_eq!(answer.json()["retry_after"], retry_after);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_passwords_waits_for_passwords() {
    let server = one_thread().await;
    server.register("ada").await;
    let root = server.administrator("root").await;
    let client = json!({"client_id": "shop", "name": "Shop", "type": "service"});
    let made = server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await;
    let secret = made.is(201).string("client_secret");
    let session = server.login("ada").await;
    let mut crowd = Vec::new();
    fill(&server, &mut crowd);
    assert!(crowd.len() > 10, "only {} places", crowd.len());

    // The same for an existing and an unknown user, and nothing was counted.
    for login in ["ada", "nobody"] {
        is_busy(&login_from(&server, "192.0.2.1", login, PASSWORD).await);
    }
    let introspected = server.request(Method::POST, "/oauth2/introspect");
    let form = format!("token={}", session.access);
    let introspected = introspected
        .basic_auth("shop", Some(&secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    server.send(introspected).await.is(200);
    let fresh = server.refresh(&session.refresh).await;
    let access = fresh.is(200).string("access_token");
    server.get_as("/v1/me", &access).await.is(200);
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health", "/ready"]
    {
        server.get(path).await.is(200);
    }
    assert_eq!(hashes(&server, "too_long"), 3, "two log-ins, and the last of the crowd");

    drop(crowd);
    login_from(&server, "192.0.2.1", "ada", PASSWORD).await.is(200);
    assert_eq!(server.app.hasher.queue_depth(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_with_standing_goes_first_whatever_the_account() {
    let server = one_thread().await;
    server.register("ada").await;
    login_from(&server, "192.0.2.1", "ada", PASSWORD).await.is(200);
    let mut crowd = Vec::new();
    for (login, password, status) in
        [("ada", PASSWORD, 200), ("ada", "wrong password", 401), ("nobody", PASSWORD, 401)]
    {
        fill(&server, &mut crowd);
        login_from(&server, "192.0.2.1", login, password).await.is(status);
        // The moving average of the last hashes may have freed places.
        fill(&server, &mut crowd);
        is_busy(&login_from(&server, "192.0.3.2", login, password).await);
    }
    // For as long as a network stays known.
    fill(&server, &mut crowd);
    server.advance(TimeSpan::from_days(90));
    is_busy(&login_from(&server, "192.0.2.1", "nobody", PASSWORD).await);
    drop(crowd);
}

/// A network loses its standing by failures at any account, and not by successes.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_loses_its_standing_by_failures_and_by_requests_that_were_turned_away() {
    let server = one_thread().await;
    server.register("ada").await;
    let mut crowd = Vec::new();
    let is_known = async |crowd: &mut Vec<Slot>, address: &str| {
        fill(&server, crowd);
        let before = hashes(&server, "ok");
        login_from(&server, address, "ada", PASSWORD).await;
        hashes(&server, "ok") > before
    };
    let networks = ["192.0.2.1", "198.51.100.1", "203.0.113.1"];
    for address in networks {
        login_from(&server, address, "ada", PASSWORD).await.is(200);
    }
    server.advance(TimeSpan::from_mins(1));
    for _ in 0..=STANDING.burst {
        for address in networks {
            assert!(is_known(&mut crowd, address).await, "{address}");
        }
    }
    for _ in 0..STANDING.burst {
        login_from(&server, networks[0], "nobody", "wrong password").await.is(401);
        server.app.standing.count(networks[1].parse().unwrap());
    }
    assert!(!is_known(&mut crowd, networks[0]).await);
    assert!(!is_known(&mut crowd, networks[1]).await);
    assert!(is_known(&mut crowd, networks[2]).await);
    // And it comes back.
    server.advance(TimeSpan::from_mins(1));
    assert!(is_known(&mut crowd, networks[0]).await);
    drop(crowd);
}

/// One account logs in from 256 networks, and from all of them a flood begins. Slots are counted, not
/// seconds: the only thread is released for one hash at a time.
#[tokio::test(flavor = "multi_thread")]
async fn bought_networks_do_not_take_the_slots_of_others() {
    on_both("bought networks", async |backend| {
        let server = Options::on(backend)
            .with("SIGNET_HASH_WORKERS", "1")
            .with("SIGNET_HASH_MAX_WAIT", "60s")
            .with("SIGNET_RATE_LIMITS", "on")
            .with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32")
            .start()
            .await;
        server.register("victim").await;
        server.register("mallory").await;
        let home = "198.51.100.7";
        login_from(&server, home, "victim", PASSWORD).await.is(200);
        let bought: Vec<String> = (0..256).map(|n| format!("10.{n}.0.1")).collect();
        for address in &bought {
            login_from(&server, address, "mallory", PASSWORD).await.is(200);
        }
        server.advance(TimeSpan::from_mins(1));

        server.app.hasher.hold(Some(0));
        let answered = AtomicUsize::new(0);
        // The right password, so that nothing is counted and no standing is lost: the worst case.
        let flood = join_all((0..1024).map(async |n: usize| {
            login_from(&server, &bought[n % 256], "mallory", PASSWORD).await;
            answered.fetch_add(1, Ordering::Relaxed);
        }));
        let attempts = async {
            let depth = || server.app.hasher.queue_depth();
            until("a flood", async || depth() + answered.load(Ordering::Relaxed) == 1024).await;
            assert!(depth() > 500, "{}", depth());
            let mut served = 0;
            for _ in 0..ATTEMPTS {
                let before = depth();
                let mut attempt = Box::pin(login_from(&server, home, "victim", PASSWORD));
                let answer = tokio::select! {
                    answer = &mut attempt => answer,
                    () = until("a place", async || depth() > before) => {
                        server.app.hasher.hold(Some(HASHES));
                        attempt.await
                    }
                };
                // Admitted ones that have not arrived yet do not help the next attempt.
                until("all hashes", async || depth() + HASHES <= before + 1).await;
                served += usize::from(answer.status == 200);
            }
            assert!(depth() > 100, "the flood is over after {served}");
            server.app.hasher.hold(None);
            served
        };
        let (_, served) = tokio::join!(flood, attempts);
        assert!(served * 10 >= ATTEMPTS * 9, "{served} of {ATTEMPTS}");
    })
    .await;
}

/// The number of the victim's attempts, and of the hashes computed meanwhile, including the victim's: one of
/// each network with standing, and every fourth of a stranger.
const ATTEMPTS: usize = 20;
const HASHES: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_and_over_when_it_ends() {
    let server = one_thread().await;
    server.register("ada").await;
    let mut session = server.login("ada").await;
    login_from(&server, "198.51.100.1", "ada", PASSWORD).await.is(200);
    let flood = async |numbers: std::ops::Range<u32>| {
        join_all(numbers.map(async |n| {
            let (address, login) = (format!("203.0.113.{}", n % 100), format!("user{}", n % 7));
            login_from(&server, &address, &login, PASSWORD).await
        }))
        .await
    };
    let mut crowd = Vec::new();
    fill(&server, &mut crowd);
    let flooding = AtomicBool::new(true);
    let without_room = async {
        let all = flood(0..400).await;
        flooding.store(false, Ordering::Relaxed);
        all
    };
    let others = async {
        loop {
            let fresh = server.refresh(&session.refresh).await;
            session.refresh = fresh.is(200).string("refresh_token");
            server.get("/.well-known/jwks.json").await.is(200);
            server.get("/health").await.is(200);
            // The owner's usual network.
            login_from(&server, "198.51.100.1", "ada", PASSWORD).await.is(200);
            if !flooding.load(Ordering::Relaxed) {
                break;
            }
            // The moving average of the last hashes may have freed places.
            fill(&server, &mut crowd);
        }
    };
    let (refused, ()) = tokio::join!(without_room, others);
    drop(crowd);
    let served = flood(400..420).await;
    let (mut told, mut busy) = (0, 0);
    for answer in refused.into_iter().chain(served) {
        match answer.status {
            401 => told += 1,
            429 => assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1),
            _ => {
                is_busy(&answer);
                busy += 1;
            }
        }
    }
    assert!(told > 0 && busy > 0, "{told} were served, {busy} turned away");
    assert_eq!(server.app.hasher.queue_depth(), 0);
    login_from(&server, "192.0.2.77", "ada", PASSWORD).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_a_disconnected_client_is_not_hashed() {
    // Hashes that take far longer than the rest of a log-in.
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_HASH_WORKERS", "1")
        .with("SIGNET_HASH_MAX_WAIT", "60s")
        .with("SIGNET_ARGON2_MEMORY_KIB", "65536")
        .with("SIGNET_ARGON2_ITERATIONS", "3")
        .start()
        .await;
    server.register("ada").await;
    let before = hashes(&server, "ok");
    let address = server.base.strip_prefix("http://").unwrap();
    let body = r#"{"login":"ada","password":"wrong password"}"#;
    let mut connections = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        connections.push(stream);
    }
    until("a queue", async || server.app.hasher.queue_depth() >= 20).await;
    drop(connections);
    until("an empty queue", async || server.app.hasher.queue_depth() == 0).await;
    // Requests that had not reached the queue when their callers disconnected never did, and some may have
    // been hashed before the server noticed the disconnection.
    let (gone, hashed) = (hashes(&server, "gone"), hashes(&server, "ok") - before);
    assert!(gone > 0 && hashed < 60, "{gone} were left out, {hashed} were hashed");
    login_from(&server, "192.0.2.1", "ada", PASSWORD).await.is(200);
}
