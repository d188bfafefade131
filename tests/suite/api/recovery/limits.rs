//! Limits of requests for a new password: by address and network, the same for every address.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use super::ADA;
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::{Answer, PASSWORD};

const LIMITED: &[(&str, &str)] =
    &[("SIGNET_RATE_LIMITS", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];

async fn from(place: &MailingServer, network: &str, path: &str, body: serde_json::Value) -> Answer {
    let request = place.server.request(Method::POST, path).header("x-forwarded-for", network);
    place.server.send(request.json(&body)).await
}

async fn ask(place: &MailingServer, network: &str, email: &str) -> Answer {
    from(place, network, "/v1/recovery", json!({ "email": email })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_by_address_and_network_for_known_and_unknown_alike() {
    on_both("recovery: send limits", async |backend| {
        let place = MailingServer::with(backend, LIMITED).await;
        place.user("ada", ADA).await;
        for email in [ADA, "nobody@example.org"] {
            for network in ["192.0.2.1", "198.51.100.1", "203.0.113.1"] {
                for _ in 0..3 {
                    ask(&place, network, email).await.is(202);
                }
                let refused = ask(&place, network, email).await;
                refused.is_problem(429, "too_many_attempts");
                assert!(!refused.header("retry-after").is_empty());
            }
            // Nine were made; ten are allowed for all unknown networks.
            ask(&place, "192.0.2.200", email).await.is(202);
            ask(&place, "100.64.0.1", email).await.is_problem(429, "too_many_attempts");
        }
        // In a network of the user, requests from elsewhere have no effect.
        let body = json!({"login": "ada", "password": PASSWORD});
        from(&place, "100.64.7.7", "/v1/login", body).await.is(200);
        ask(&place, "100.64.7.7", ADA).await.is(202);
        place.server.advance(TimeSpan::from_mins(15));
        ask(&place, "192.0.2.1", ADA).await.is_problem(429, "too_many_attempts");
        place.server.advance(TimeSpan::from_mins(46));
        ask(&place, "192.0.2.1", ADA).await.is(202);
    })
    .await;
}

/// Whether a network is known to the user can be inferred only from limits that are used up elsewhere, not from
/// requests of the network itself.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_network_do_not_tell_whether_a_user_has_signed_in_there() {
    on_both("recovery: known network", async |backend| {
        let place = MailingServer::with(backend, LIMITED).await;
        place.user("ada", ADA).await;
        let body = json!({"login": "ada", "password": PASSWORD});
        from(&place, "192.0.2.1", "/v1/login", body).await.is(200);
        let emails = [ADA, "nobody@example.org"];
        let mut seen = [const { Vec::new() }; 2];
        for _ in 0..4 {
            for (seen, email) in seen.iter_mut().zip(emails) {
                for _ in 0..4 {
                    let answer = ask(&place, "192.0.2.1", email).await;
                    seen.push((answer.status, answer.header("retry-after").to_owned()));
                }
            }
            place.server.advance(TimeSpan::from_mins(15));
        }
        assert_eq!(seen[0], seen[1]);
        let sent = seen[0].iter().filter(|(status, _)| *status == 202).count();
        assert_eq!(sent, 10, "{seen:?}");
    })
    .await;
}
