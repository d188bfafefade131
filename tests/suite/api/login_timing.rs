//! Whether the time of a refusal discloses accounts. Run on an idle machine: `SIGNET_TEST_TIMING=1 cargo test
//! --test suite -- login_timing --nocapture`
//!
//! Not part of the ordinary run, because other work of the machine would decide its outcome. `.ci/full` runs it.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, Server, on_both, require};

const SAMPLES: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_take_the_same_time() {
    if require::variable("SIGNET_TEST_TIMING").is_none() {
        return;
    }
    on_both("the time of refusals", judge).await;
}

async fn judge(backend: Backend) {
    let options = Options::on(backend).with("SIGNET_ARGON2_MEMORY_KIB", "19456");
    let server = options.with("SIGNET_ARGON2_ITERATIONS", "2").start().await;
    let ada = server.register("ada").await;
    let bob = server.register("bob").await;
    let root = server.administrator("root").await;
    let path = format!("/v1/admin/users/{bob}/disable");
    server.call_as(Method::POST, &path, &root.access, json!(null)).await.is(200);

    let path = format!("/v1/admin/users/{ada}");
    let email = json!({"email": "ada@x.org", "email_verified": true});
    server.call_as(Method::PATCH, &path, &root.access, email).await.is(200);

    // The first two are the same class: their difference is the noise of the machine.
    let classes = [
        ("known user, wrong password", "ada", "wrong password"),
        ("known user, wrong password (control)", "ada", "wrong password"),
        ("unknown user", "nobody", "wrong password"),
        ("disabled user, right password", "bob", PASSWORD),
        ("verified address, wrong password", "ada@x.org", "wrong password"),
        ("unknown address", "nobody@x.org", "wrong password"),
    ];
    let mut times = vec![Vec::with_capacity(SAMPLES); classes.len()];
    for round in 0..SAMPLES + 10 {
        for (times, (_, login, password)) in times.iter_mut().zip(classes) {
            let began = Instant::now();
            server.try_login(login, password).await.is(401);
            if round >= 10 {
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((what, ..), median) in classes.iter().zip(&medians) {
        eprintln!("{median:8.3} ms  {what}");
    }
    let noise = (medians[0] - medians[1]).abs();
    let allowed = f64::max(1.0, medians[0] * 0.02).max(noise * 3.0);
    for ((what, ..), median) in classes.iter().zip(&medians).skip(2) {
        let difference = (median - medians[0]).abs();
        assert!(difference < allowed, "{what}: {difference:.3} ms apart, {allowed:.3} allowed");
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The class that is easiest to forget: it must at least get the same response.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_password_is_refused_like_any_other() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let made = json!({"login": "eve", "password": null});
    server.call_as(Method::POST, "/v1/admin/users", &root.access, made).await.is(201);
    server.try_login("eve", "anything at all").await.is_problem(401, "invalid_credentials");
    server.try_login("eve", "").await.is_problem(401, "invalid_credentials");
}
