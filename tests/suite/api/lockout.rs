//! Guessing passwords: who is held up, and who is not.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

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
        // However the login is typed, whatever the headers claim, it is the same account.
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
        // A crowd: more networks than the account takes from strangers together.
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
        // And after the documented hour from anywhere.
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

/// More at once than may fail in a quarter of an hour, and none of them fails.
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
        // The rush does not open a gate for those who guess.
        let all = join_all((0..50).map(|_| server.try_login("alice", "wrong password"))).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 401).count(), 20);
    })
    .await;
}
