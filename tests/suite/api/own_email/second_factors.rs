//! Where users can verify their address, enrolling a second factor requires a verified one.

use reqwest::Method;
use serde_json::{Value, json};

use super::ADA;
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::second_factors::Authenticator;
use crate::support::server::Tokens;

async fn begin(place: &MailingServer, tokens: &Tokens) -> crate::support::server::Answer {
    place.server.call_as(Method::POST, "/v1/factors/totp", &tokens.access, Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_factor_is_enrolled_before_the_address_is_verified() {
    on_both("second factors: verified address", async |backend| {
        let place = MailingServer::start(backend).await;
        for (login, email) in [("ada", Some(ADA)), ("bob", None)] {
            let (_, tokens) = place.unverified(login, email).await;
            begin(&place, &tokens).await.is_problem(403, "email_not_verified");
            let confirm = json!({"setup": "sfs_x", "code": "123456"});
            let path = "/v1/factors/totp/confirm";
            let answer = place.server.call_as(Method::POST, path, &tokens.access, confirm).await;
            answer.is_problem(403, "email_not_verified");
            place.change(&tokens, &format!("{login}@example.net")).await;
            Authenticator::enrol(&place.server, &tokens).await;
        }
        // An administrator's account is created by an operator or another administrator.
        let body = json!({"login": "second", "password": crate::support::server::PASSWORD,
            "role": "admin"});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        let tokens = place.server.login("second").await;
        Authenticator::enrol(&place.server, &tokens).await;
    })
    .await;
}
