//! Limits of requests for an address: the same for every address.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use super::{ADA, NEW, verified};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::{Answer, PASSWORD};

async fn from(place: &MailingServer, network: &str, path: &str, body: serde_json::Value) -> Answer {
    let request = place.server.request(Method::POST, path).header("x-forwarded-for", network);
    place.server.send(request.json(&body)).await
}

async fn ask(place: &MailingServer, network: &str, email: &str) -> Answer {
    from(place, network, "/v1/register", json!({ "email": email })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_by_address_and_network_for_new_and_taken_alike() {
    on_both("sign-up: send limits", async |backend| {
        let limited = [("SIGNET_RATE_LIMITS", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
        let place = verified(backend, &limited).await;
        place.user("ada", ADA).await;
        // Also in networks of the user: an exemption would disclose that there is one.
        let body = json!({"login": "ada", "password": PASSWORD});
        from(&place, "192.0.2.1", "/v1/login", body).await.is(200);
        for email in [ADA, NEW] {
            for network in ["192.0.2.1", "198.51.100.1", "203.0.113.1"] {
                for _ in 0..3 {
                    ask(&place, network, email).await.is(202);
                }
                let refused = ask(&place, network, email).await;
                refused.is_problem(429, "too_many_attempts");
                assert!(!refused.header("retry-after").is_empty());
            }
            ask(&place, "192.0.2.200", email).await.is(202);
            for network in ["100.64.0.1", "192.0.2.1"] {
                ask(&place, network, email).await.is_problem(429, "too_many_attempts");
            }
        }
        place.server.advance(TimeSpan::from_mins(61));
        for email in [ADA, NEW] {
            ask(&place, "192.0.2.1", email).await.is(202);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_asks_for_thirty_addresses_at_once() {
    on_both("sign-up: limit of a network", async |backend| {
        let limited = [("SIGNET_RATE_LIMITS", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
        let place = verified(backend, &limited).await;
        for n in 0..30 {
            ask(&place, "192.0.2.1", &format!("u{n}@example.org")).await.is(202);
        }
        let refused = ask(&place, "192.0.2.1", "more@example.org").await;
        refused.is_problem(429, "too_many_attempts");
        ask(&place, "198.51.100.1", "more@example.org").await.is(202);
    })
    .await;
}
