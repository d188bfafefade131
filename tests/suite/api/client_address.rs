//! The address of the client behind trusted proxies: which header is read, and the result without one.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use signet::domain::rate_limit::RateLimit;
use signet::metrics::ResultLabel;

use crate::support::process::Launch;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server};

async fn behind_a_proxy(settings: &[(&str, &str)]) -> Server {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let options = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32,10.0.0.0/8");
    settings.iter().fold(options, |options, (name, value)| options.with(name, value)).start().await
}

async fn login(server: &Server, login: &str, password: &str, headers: &[(&str, &str)]) -> Answer {
    let request = server.request(Method::POST, "/v1/login");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    server.send(request.json(&json!({"login": login, "password": password}))).await
}

/// The address of the newest failed log-in, as the audit trail has it.
async fn audited(server: &Server) -> Value {
    let root = login(server, "root", PASSWORD, &[("x-forwarded-for", "198.51.100.250")]).await;
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    root.is(200);
    let request = server.request(Method::POST, "/v1/login").header("x-real-ip", "198.51.100.250");
    let admin = server.send(request.json(&body)).await.is(200).string("access_token");
    let trail = server.get_as("/v1/admin/audit?limit=200", &admin).await.is(200).json();
    let events = trail["data"].as_array().unwrap();
    events.iter().find(|event| event["kind"] == "login.failed").unwrap()["address"].clone()
}

fn findings(server: &Server, result: &'static str) -> u64 {
    server.app.metrics.client_addresses.get_or_create(&ResultLabel { result }).get()
}

/// A client behind a proxy that appends to `X-Forwarded-For` and forwards other headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_choose_its_address_with_a_header_that_its_proxy_passes_on() {
    for setting in [&[][..], &[("SIGNET_PROXY_HEADER", "x-forwarded-for")]] {
        let server = behind_a_proxy(setting).await;
        server.administrator("root").await;
        let burst = RateLimit::Login.bucket().burst;
        for number in 0..=burst {
            let forged = format!("for=203.0.113.{number}");
            let appended = format!("203.0.113.{number}, 198.51.100.9");
            let headers = [("x-forwarded-for", &*appended), ("forwarded", &*forged)];
            let answer = login(&server, &format!("user{number}"), "wrong password", &headers).await;
            answer.is(if number < burst { 401 } else { 429 });
        }
        assert_eq!(audited(&server).await, "198.51.100.9");
        assert_eq!(findings(&server, "disagree") > 0, setting.is_empty(), "{setting:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_that_is_set_names_the_client() {
    let headers = [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.2"),
        ("x-real-ip", "192.0.2.3"),
    ];
    for (header, address) in [
        ("", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "192.0.2.2"),
        ("X-Real-IP", "192.0.2.3"),
    ] {
        let server = behind_a_proxy(&[("SIGNET_PROXY_HEADER", header)]).await;
        server.administrator("root").await;
        login(&server, "ada", "wrong password", &headers).await.is(401);
        assert_eq!(audited(&server).await, address, "{header}");
    }
    // A proxy that sends only `Forwarded`, without the setting.
    let server = behind_a_proxy(&[]).await;
    server.administrator("root").await;
    for empty in [&[][..], &[("x-forwarded-for", "")]] {
        let headers = [empty, &[("forwarded", "for=192.0.2.2")]].concat();
        login(&server, "ada", "wrong password", &headers).await.is(401);
    }
    assert_eq!(audited(&server).await, "192.0.2.2");
    assert_eq!(findings(&server, "only_forwarded"), 2);
}

/// No limit is counted under the proxy's address for all its clients; limits of accounts apply.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_names_no_client_lends_its_address_to_none() {
    for (headers, finding) in [
        (&[][..], "missing"),
        (&[("x-forwarded-for", "unknown")], "unreadable"),
        (&[("x-forwarded-for", "10.1.2.3")], "only_proxies"),
    ] {
        let server = behind_a_proxy(&[]).await;
        server.administrator("root").await;
        server.register("ada").await;
        server.get("/health").await.is(200);
        server.get("/ready").await.is(200);
        let before = findings(&server, finding);
        let burst = RateLimit::Login.bucket().burst;
        for number in 0..burst + 20 {
            login(&server, &format!("user{number}"), "wrong password", headers).await.is(401);
        }
        assert_eq!(findings(&server, finding) - before, u64::from(burst + 20));
        assert_eq!(audited(&server).await, Value::Null, "{finding}");
        for _ in 0..20 {
            login(&server, "ada", "wrong password", headers).await.is(401);
        }
        login(&server, "ada", PASSWORD, headers).await.is_problem(429, "too_many_attempts");
        login(&server, "ada", PASSWORD, &[("x-forwarded-for", "192.0.2.1")]).await.is(200);
    }
}

/// Health checks come from the proxy itself.
#[tokio::test(flavor = "multi_thread")]
async fn health_checks_of_a_proxy_are_nothing_to_report() {
    let server = behind_a_proxy(&[]).await;
    for path in ["/health", "/ready"] {
        server.get(path).await.is(200);
    }
    assert_eq!(findings(&server, "missing"), 0);
    server.get("/.well-known/jwks.json").await.is(200);
    assert_eq!(findings(&server, "missing"), 1);
    // An address that only has it as a prefix is no health check.
    server.get("/healthy").await.is(404);
    assert_eq!(findings(&server, "missing"), 2);
    let server = behind_a_proxy(&[("SIGNET_ISSUER", "https://id.example.com/auth")]).await;
    for path in ["/auth/health", "/auth/ready", "/ready/read"] {
        server.get(path).await.is(200);
    }
    assert_eq!(findings(&server, "missing"), 0);
}

/// Data of unauthenticated callers stay bounded when no proxy reports their address.
#[tokio::test(flavor = "multi_thread")]
async fn writes_of_unknown_clients_are_bounded_together() {
    let server = behind_a_proxy(&[]).await;
    let limit = RateLimit::Registration;
    let wide = limit.bucket().burst * signet::domain::rate_limit::UNKNOWN_ADDRESSES;
    let subject = signet::app::limits::Subject::new(limit, None);
    for _ in 1..wide {
        server.app.address_limiter.take(subject).unwrap();
    }
    let register = async |login: &str| {
        server.post("/v1/register", json!({"login": login, "password": PASSWORD})).await.status
    };
    assert_eq!([register("ada").await, register("bob").await], [201, 429]);
}

/// A finding about a proxy is one line of the log, however many requests have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_about_a_proxy_is_one_line_of_the_log() {
    let launch = Launch::new().with("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8,::1");
    let mut server = launch.start().await;
    let caller = server.caller();
    for (one, other) in [("192.0.2.1", "192.0.2.2"), ("192.0.2.3", "192.0.2.4")] {
        let request = caller.client.get(format!("{}/.well-known/jwks.json", caller.base));
        let request = request.header("x-forwarded-for", one);
        let request = request.header("forwarded", format!("for={other}"));
        caller.try_send(request).await.unwrap().is(200);
    }
    server.signal(Signal::TERM);
    server.ended().await;
    let log = server.all_of_log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = lines.filter(|line| line["event"] == "proxy_header").collect();
    assert_eq!(told.len(), 1, "{log}");
    assert_eq!((&told[0]["finding"], &told[0]["level"]), (&json!("disagree"), &json!("WARN")));
    assert!(told[0]["message"].as_str().unwrap().contains("SIGNET_PROXY_HEADER"), "{log}");
}
