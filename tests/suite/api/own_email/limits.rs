//! The number of mails that one user, one address and one network can cause.

use reqwest::Method;
use serde_json::json;

use super::ADA;
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::{Answer, Tokens};

const LIMITED: &[(&str, &str)] =
    &[("SIGNET_RATE_LIMITS", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];

async fn ask_from(place: &MailingServer, tokens: &Tokens, network: &str, email: &str) -> Answer {
    let request = place.server.request(Method::PUT, "/v1/email").bearer_auth(&tokens.access);
    let request = request.header("x-forwarded-for", network).json(&json!({ "email": email }));
    place.server.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_three_codes_in_a_quarter_of_an_hour() {
    on_both("own address: limit of an address", async |backend| {
        let place = MailingServer::with(backend, LIMITED).await;
        let (_, ada) = place.unverified("ada", None).await;
        let (_, eve) = place.unverified("eve", None).await;
        for tokens in [&ada, &eve, &ada] {
            ask_from(&place, tokens, "192.0.2.1", ADA).await.is(202);
            // A newer code of the same user would replace the pending one.
            place.delivered().await;
        }
        for tokens in [&ada, &eve] {
            let refused = ask_from(&place, tokens, "192.0.2.1", ADA).await;
            refused.is_problem(429, "too_many_attempts");
            assert!(!refused.header("retry-after").is_empty());
        }
        ask_from(&place, &ada, "198.51.100.1", ADA).await.is(202);
        assert_eq!(place.subjects(ADA).await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_mails_ten_addresses_an_hour() {
    on_both("own address: limit of a user", async |backend| {
        let place = MailingServer::with(backend, LIMITED).await;
        let (_, eve) = place.unverified("eve", None).await;
        for n in 0..10 {
            let (network, email) = (format!("192.0.2.{n}"), format!("victim{n}@example.org"));
            ask_from(&place, &eve, &network, &email).await.is(202);
        }
        let refused = ask_from(&place, &eve, "203.0.113.1", "victim10@example.org").await;
        refused.is_problem(429, "too_many_attempts");
        assert!(place.subjects("victim10@example.org").await.is_empty());
    })
    .await;
}
