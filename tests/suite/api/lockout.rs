//! Password guessing: which attempts are refused, and which are not.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::crypto::password::{Lane, Requester};
use signet::domain::audit::{Origin, Via};
use signet::domain::password::Password;
use signet::domain::request_info::RequestInfo;
use signet::identity;
use signet::identity::login::{LoginRequest, RequestedAccess};
use signet::metrics::ResultLabel;
use signet::store::db::counted;

use crate::support::process::until;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server, on_both};

async fn limited(backend: Backend, proxies: &str) -> Server {
    let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
    options.with("SIGNET_TRUSTED_PROXIES", proxies).start().await
}

async fn login_from(server: &Server, address: &str, login: &str, password: &str) -> Answer {
    let request = server.request(Method::POST, "/v1/login").header("x-forwarded-for", address);
    server.send(request.json(&json!({"login": login, "password": password}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_guesses_does_not_slip_through() {
    on_both("throttling", async |backend| {
        let server = limited(backend, "").await;
        server.register("alice").await;
        let all = join_all((0..60).map(|_| server.try_login("alice", "wrong password"))).await;
        let tried = all.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(tried, 20, "guesses that were looked at");
        for answer in all.iter().filter(|answer| answer.status != 401) {
            answer.is_problem(429, "too_many_attempts");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        }
        // In any spelling of the login and with any headers, it is the same account.
        for typed in ["ALICE", " alice ", "ａlice"] {
            let answer = login_from(&server, "192.0.2.7", typed, PASSWORD).await;
            answer.is_problem(429, "too_many_attempts");
        }
        server.advance(TimeSpan::from_mins(15));
        server.try_login("alice", PASSWORD).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_logins_are_throttled_like_known_ones() {
    let server = limited(Backend::Sqlite, "").await;
    server.register("alice").await;
    let mut statuses = Vec::new();
    for login in ["alice", "nobody"] {
        let mut seen = Vec::new();
        for _ in 0..25 {
            seen.push(server.try_login(login, "wrong password").await.status);
        }
        statuses.push(seen);
    }
    assert_eq!(statuses[0], statuses[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_elsewhere_cannot_lock_the_owner_out() {
    on_both("lock-out", async |backend| {
        let server = limited(backend, "127.0.0.1/32").await;
        server.register("alice").await;
        login_from(&server, "198.51.100.1", "alice", PASSWORD).await.is(200);
        // From more networks than the limit of unknown networks allows attempts.
        for network in 0..8 {
            for _ in 0..20 {
                let address = format!("203.0.113.{network}");
                let status = login_from(&server, &address, "alice", "wrong password").await.status;
                assert!([401, 429].contains(&status));
            }
        }
        let stranger = login_from(&server, "192.0.2.99", "alice", PASSWORD).await;
        stranger.is_problem(429, "too_many_attempts");
        login_from(&server, "198.51.100.1", "alice", PASSWORD).await.is(200);
        // And from any network after the documented hour.
        server.advance(TimeSpan::from_mins(60));
        login_from(&server, "192.0.2.99", "alice", PASSWORD).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_around_is_held_up() {
    let server = limited(Backend::Sqlite, "").await;
    let mut refused = 0;
    for number in 0..80 {
        let status = server.try_login(&format!("user{number}"), "wrong password").await.status;
        refused += usize::from(status == 429);
    }
    assert_eq!(refused, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_costs_nothing() {
    let server = limited(Backend::Sqlite, "").await;
    server.register("alice").await;
    for _ in 0..100 {
        server.try_login("alice", PASSWORD).await.is(200);
    }
}

/// More concurrent attempts than may fail in a quarter of an hour, all of them right.
#[tokio::test(flavor = "multi_thread")]
async fn many_right_passwords_at_the_same_moment_are_no_attack() {
    on_both("a rush", async |backend| {
        let server = limited(backend, "").await;
        server.register("alice").await;
        for _ in 0..3 {
            for answer in join_all((0..50).map(|_| server.try_login("alice", PASSWORD))).await {
                answer.is(200);
            }
        }
        // The burst does not allow more guesses.
        let all = join_all((0..50).map(|_| server.try_login("alice", "wrong password"))).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 401).count(), 20);
    })
    .await;
}

/// The number of computed hashes.
fn hashes(server: &Server) -> u64 {
    server.app.metrics.hashes.get_or_create(&ResultLabel { result: "ok" }).get()
}

/// Sends all of them while no hash is computed, so that each has made its reservations, and resumes hashing.
async fn in_flight(
    server: &Server,
    reserved: usize,
    attempts: impl Iterator<Item = (String, String, &'static str)>,
) -> Vec<u16> {
    server.app.hasher.hold(Some(0));
    let all = join_all(attempts.map(async |(address, login, password)| {
        login_from(server, &address, &login, password).await.status
    }));
    let release = async {
        let depth = || server.app.hasher.queue_depth();
        until("reservations", async || depth() == reserved).await;
        server.app.hasher.hold(None);
    };
    tokio::join!(all, release).0
}

fn counts(statuses: &[u16]) -> Vec<(u16, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    statuses.iter().for_each(|status| *counts.entry(*status).or_insert(0) += 1);
    counts.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_in_flight_from_one_address_are_never_too_many() {
    on_both("right in flight", async |backend| {
        let server = limited(backend, "127.0.0.1/32").await;
        join_all((0..256).map(async |n| server.register(&format!("user{n}")).await)).await;
        let here = || "192.0.2.1".to_owned();
        // Many accounts: the limit of the address. One account: the limit of the account from that network.
        let many = in_flight(&server, 60, (0..256).map(|n| (here(), format!("user{n}"), PASSWORD)));
        assert_eq!(counts(&many.await), [(200, 256)]);
        let one = in_flight(&server, 20, (0..256).map(|_| (here(), "user1".to_owned(), PASSWORD)));
        assert_eq!(counts(&one.await), [(200, 256)]);
        // Many networks that the account does not know: the limit of the account from all of them.
        let from = |n: u32| format!("10.{}.{n}.1", n % 250);
        let networks =
            in_flight(&server, 100, (0..200).map(|n| (from(n), "user2".to_owned(), PASSWORD)));
        assert_eq!(counts(&networks.await), [(200, 200)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_wrong_passwords_in_flight_exactly_the_limit_is_hashed() {
    on_both("wrong in flight", async |backend| {
        let server = limited(backend, "127.0.0.1/32").await;
        server.register("alice").await;
        let before = hashes(&server);
        let here = || "192.0.2.1".to_owned();
        let many = in_flight(&server, 60, (0..256).map(|n| (here(), format!("user{n}"), "wrong")));
        assert_eq!(counts(&many.await), [(401, 60), (429, 196)]);
        assert_eq!(hashes(&server) - before, 60);
        let there = || "192.0.3.1".to_owned();
        let one = in_flight(&server, 20, (0..256).map(|_| (there(), "alice".to_owned(), "wrong")));
        assert_eq!(counts(&one.await), [(401, 20), (429, 236)]);
        assert_eq!(hashes(&server) - before, 80);
    })
    .await;
}

/// Attempts that wait for others take no places in the queue from those that need not wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_waits_for_others_gives_its_place_in_the_queue_up() {
    let server = limited(Backend::Sqlite, "127.0.0.1/32").await;
    server.register("alice").await;
    let here = "192.0.2.1";
    server.app.hasher.hold(Some(0));
    let all =
        join_all((0..150).map(async |_| login_from(&server, here, "alice", PASSWORD).await.status));
    let release = async {
        // Twenty have places, and all others of the network's 256 are free.
        until("the others give theirs up", async || {
            let who = Requester::Address(here.parse().unwrap());
            let places: Vec<_> = (0..230)
                .map_while(|_| server.app.reserve_hash_slot(Lane::Stranger, who).ok())
                .collect();
            server.app.hasher.queue_depth() == 20 && places.len() == 230
        })
        .await;
        server.app.hasher.hold(None);
    };
    assert_eq!(counts(&tokio::join!(all, release).0), [(200, 150)]);
}

/// Right and wrong ones concurrently: no right one is refused because of the reservation of another attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_waits_for_guesses_under_way_and_is_not_refused_for_them() {
    on_both("right among wrong", async |backend| {
        let server = limited(backend, "127.0.0.1/32").await;
        join_all((0..100).map(async |n| server.register(&format!("user{n}")).await)).await;
        let attempts = (0..100).map(|n| {
            let password = if n % 2 == 0 { "wrong password" } else { PASSWORD };
            ("192.0.2.1".to_owned(), format!("user{n}"), password)
        });
        let statuses = in_flight(&server, 60, attempts).await;
        assert_eq!(counts(&statuses), [(200, 50), (401, 50)]);
    })
    .await;
}

/// Attempts that wait for others longer than a hash may wait get 503: the limit is used up by reservations,
/// not by failures.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_waits_too_long_for_reservations_gets_retry_after() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.with("SIGNET_HASH_MAX_WAIT", "1s").start().await;
    server.register("alice").await;
    server.app.hasher.hold(Some(0));
    let all = join_all((0..30).map(|_| server.try_login("alice", PASSWORD))).await;
    server.app.hasher.hold(None);
    for answer in &all {
        answer.is_problem(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    // No password was checked, so nothing is counted.
    for _ in 0..19 {
        server.try_login("alice", "wrong password").await.is(401);
    }
    server.try_login("alice", PASSWORD).await.is(200);
}

/// The response to an attempt, and its cost inside the server.
async fn seen(server: &Server, address: &str, password: &str) -> (Answer, u64, u32) {
    let before = hashes(server);
    let answer = login_from(server, address, "alice", password).await;
    let origin = Origin { address: address.parse().ok(), via: Via::Http, ..Origin::system() };
    let info = RequestInfo::without_device(origin, server.now());
    let attempt = LoginRequest {
        code: None,
        login: "alice".to_owned(),
        password: Password::for_verification(password).unwrap(),
        asked: RequestedAccess::default(),
    };
    let work = identity::login::login(server.app.clone(), attempt, info);
    let (_, statements) = counted(work).await;
    (answer, hashes(server) - before, statements)
}

/// While an account is closed to unknown networks, no response discloses which networks it knows: status,
/// body, headers, hashes and statements are the same, as between two networks of the same kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_does_not_tell_which_networks_it_knows() {
    on_both("closed account", async |backend| {
        let server = limited(backend, "127.0.0.1/32").await;
        server.register("alice").await;
        let known = ["198.51.100.1", "198.51.101.1"];
        for address in known {
            login_from(&server, address, "alice", PASSWORD).await.is(200);
        }
        let close = async || {
            for n in 0..100 {
                let address = format!("10.{}.{n}.1", n / 10);
                login_from(&server, &address, "alice", "wrong password").await;
            }
        };
        close().await;
        let control = ["203.0.113.1", "203.0.114.1"];
        let mut all = Vec::new();
        for address in control.into_iter().chain(known) {
            for _ in 0..3 {
                all.push((address, seen(&server, address, "wrong password").await));
            }
        }
        // For a network that the account does not know, the right password is answered like a wrong one.
        for address in ["203.0.115.1", "203.0.116.1"] {
            all.push((address, seen(&server, address, PASSWORD).await));
        }
        let shape = |(answer, hashes, statements): &(Answer, u64, u32)| {
            let mut body = answer.json();
            body.as_object_mut()
                .unwrap()
                .retain(|name, _| name != "request_id" && name != "instance");
            let mut headers: Vec<String> = answer
                .headers
                .iter()
                .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            headers.sort();
            (answer.status, body, headers, *hashes, *statements)
        };
        let expected = shape(&all[0].1);
        assert_eq!((expected.0, expected.3), (429, 2), "one by HTTP, one counted");
        for (address, seen) in &all {
            assert_eq!(shape(seen), expected, "{address}");
        }
        // Only the right password from a known network has a different response.
        login_from(&server, known[0], "alice", PASSWORD).await.is(200);
        login_from(&server, known[1], "alice", PASSWORD).await.is(200);
    })
    .await;
}

/// The number of hashes for a closed account is bounded by the limit of each network.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_costs_no_more_hashes_than_each_network_may_fail() {
    let server = limited(Backend::Sqlite, "127.0.0.1/32").await;
    server.register("alice").await;
    login_from(&server, "198.51.100.1", "alice", PASSWORD).await.is(200);
    for n in 0..100 {
        login_from(&server, &format!("10.0.{n}.1"), "alice", "wrong password").await.is(401);
    }
    for address in ["203.0.113.1", "198.51.100.1"] {
        let before = hashes(&server);
        let mut waits = Vec::new();
        for _ in 0..30 {
            let answer = login_from(&server, address, "alice", "wrong password").await;
            answer.is_problem(429, "too_many_attempts");
            waits.push(answer.header("retry-after").to_owned());
        }
        assert_eq!(hashes(&server) - before, 20, "{address}");
        assert!(waits[..20].iter().all(|wait| wait == "3600"), "{waits:?}");
        assert!(waits[20..].iter().all(|wait| wait == "900"), "{waits:?}");
    }
}

/// The wall clock of a server is set back: limits in memory continue by a monotonic clock, and a stored window is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_locks_no_network_and_no_account_out() {
    on_both("clock set back", async |backend| {
        for back in [TimeSpan::from_mins(20), TimeSpan::from_days(400)] {
            let server = limited(backend, "127.0.0.1/32").await;
            server.register("alice").await;
            let here = "192.0.2.1";
            login_from(&server, here, "alice", PASSWORD).await.is(200);
            // The address, and the account from there, have used up their limits.
            for n in 0..20 {
                login_from(&server, here, "alice", "wrong password").await.is(401);
                for login in ["bob", "carol"] {
                    let login = format!("{login}{n}");
                    login_from(&server, here, &login, "wrong password").await.is(401);
                }
            }
            login_from(&server, here, "alice", PASSWORD).await.is(429);
            login_from(&server, here, "dave", PASSWORD).await.is(429);
            server.jump(TimeSpan::ZERO - back);
            // The limit of the address neither ends nor grows with the wall clock.
            let refused = login_from(&server, here, "dave", PASSWORD).await;
            assert_eq!(refused.is(429).header("retry-after"), "2");
            server.advance(TimeSpan::from_secs(2));
            login_from(&server, here, "alice", PASSWORD).await.is(200);
            // A new window has the usual length.
            for _ in 0..20 {
                login_from(&server, "192.0.3.1", "alice", "wrong password").await.is(401);
            }
            login_from(&server, "192.0.3.1", "alice", PASSWORD).await.is(429);
            server.advance(TimeSpan::from_mins(15));
            login_from(&server, "192.0.3.1", "alice", PASSWORD).await.is(200);
        }
    })
    .await;
}

/// A clock that is set forward resets no limit in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_forward_frees_no_address() {
    let server = limited(Backend::Sqlite, "127.0.0.1/32").await;
    for n in 0..60 {
        login_from(&server, "192.0.2.1", &format!("user{n}"), "wrong password").await.is(401);
    }
    server.jump(TimeSpan::from_days(1));
    login_from(&server, "192.0.2.1", "user", "wrong password").await.is(429);
}
