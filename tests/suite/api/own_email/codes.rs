//! A code is valid in its session, for ten minutes and five attempts, and until the account changes.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::{PASSWORD, Tokens};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_only_in_the_session_that_asked() {
    on_both("own address: session of a code", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let (asking, other) = (place.server.login("ada").await, place.server.login("ada").await);
        place.ask(&asking, NEW).await.is(202);
        let mailed = place.newest().await;
        // Mail scanners open the link.
        for _ in 0..10 {
            place.server.get(&mailed.path()).await.is(200);
        }
        // The right code in another session is wrong, and uses up no attempt of the right one.
        for _ in 0..6 {
            place.confirm(&other, &mailed.code).await.is_problem(422, "validation_failed");
        }
        for _ in 0..4 {
            let wrong = mailed.wrong_code();
            place.confirm(&asking, &wrong).await.is_problem(422, "validation_failed");
        }
        place.confirm(&asking, &mailed.code).await.is(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_compared_five_times() {
    on_both("own address: tries", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        place.ask(&tokens, NEW).await.is(202);
        let mailed = place.newest().await;
        let wrong = mailed.wrong_code();
        join_all((0..5).map(|_| place.confirm(&tokens, &wrong))).await;
        place.confirm(&tokens, &mailed.code).await.is_problem(422, "validation_failed");
        // A new one works.
        place.ask(&tokens, NEW).await.is(202);
        let code = place.newest().await.code;
        place.confirm(&tokens, &code).await.is(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_for_ten_minutes() {
    on_both("own address: life of a code", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        for (wait, confirmed) in [(599, true), (601, false)] {
            let tokens = place.server.login("ada").await;
            let email = format!("after{wait}@example.org");
            place.ask(&tokens, &email).await.is(202);
            let mailed = place.newest().await;
            place.server.advance(TimeSpan::from_secs(wait));
            let tokens = Tokens::of(&place.server.refresh(&tokens.refresh).await);
            let answer = place.confirm(&tokens, &mailed.code).await;
            assert_eq!(answer.status, if confirmed { 204 } else { 422 }, "{wait}");
            if confirmed {
                // The mail to the previous address is delivered before the next code is.
                place.all().await;
            } else {
                place.open(&mailed.link).await.is_problem(404, "link_invalid");
                assert_eq!(place.me(&tokens).await["pending_email"], Value::Null);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_end_with_what_they_were_asked_for_in() {
    on_both("own address: end of codes", async |backend| {
        let place = MailingServer::start(backend).await;
        let ada = place.user("ada", ADA).await;
        let asked = async |tokens: &Tokens| {
            place.ask(tokens, NEW).await.is(202);
            place.newest().await
        };
        let dead = async |link: &str| {
            place.open(link).await.is_problem(404, "link_invalid");
        };
        let tokens = place.server.login("ada").await;
        let older = asked(&tokens).await;
        let newer = asked(&tokens).await;
        place.confirm(&tokens, &older.code).await.is_problem(422, "validation_failed");
        dead(&older.link).await;

        let body = json!({"current_password": PASSWORD, "new_password": "another good one"});
        let path = "/v1/password";
        place.server.call_as(Method::POST, path, &tokens.access, body).await.is(204);
        dead(&newer.link).await;
        let path = format!("/v1/admin/users/{ada}/password");
        let body = json!({"password": PASSWORD, "permanent": true});
        place.admin(Method::POST, &path, body).await.is(204);

        let tokens = place.server.login("ada").await;
        let mailed = asked(&tokens).await;
        let path = "/v1/sessions?scope=all";
        place.server.call_as(Method::DELETE, path, &tokens.access, Value::Null).await.is(204);
        dead(&mailed.link).await;

        let tokens = place.server.login("ada").await;
        let mailed = asked(&tokens).await;
        let path = format!("/v1/admin/users/{ada}/disable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        dead(&mailed.link).await;
        let path = format!("/v1/admin/users/{ada}/enable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        dead(&mailed.link).await;

        // One change invalidates pending ones of others.
        let tokens = place.server.login("ada").await;
        let mailed = asked(&tokens).await;
        place.change(&tokens, "third@example.org").await;
        dead(&mailed.link).await;
        let tokens = place.server.login("ada").await;
        let mailed = asked(&tokens).await;
        let path = format!("/v1/admin/users/{ada}");
        place.admin(Method::DELETE, &path, Value::Null).await.is(204);
        dead(&mailed.link).await;
    })
    .await;
}
