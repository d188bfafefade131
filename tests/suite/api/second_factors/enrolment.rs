//! Enrolling and removing an authenticator app, and the required authentication.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::place;
use crate::support::second_factors::{Authenticator, code_of, log_in_with, secret_of};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Server, on_both};

const BEGIN: &str = "/v1/factors/totp";
const CONFIRM: &str = "/v1/factors/totp/confirm";

async fn post(server: &Server, tokens: &Tokens, path: &str, body: Value) -> Answer {
    server.call_as(Method::POST, path, &tokens.access, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolment_changes_nothing_before_a_right_code_and_uses_that_code_up() {
    on_both("enrolment", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let tokens = server.login("tia").await;
        let begun = post(&server, &tokens, BEGIN, Value::Null).await;
        let (setup, secret) = (begun.is(200).string("setup"), secret_of(&begun.string("secret")));
        let uri = begun.string("otpauth_uri");
        assert!(uri.starts_with("otpauth://totp/Signet:tia?secret="), "{uri}");
        server.login("tia").await;
        let around: Vec<String> = (-2..=2).map(|steps| code_of(&server, &secret, steps)).collect();
        let wrong = (0..10).map(|digit| digit.to_string().repeat(6));
        let wrong = wrong.into_iter().find(|code| !around.contains(code)).unwrap();
        for wrong in ["12345", &wrong] {
            let wrong = json!({"setup": setup, "code": wrong});
            let refused = post(&server, &tokens, CONFIRM, wrong).await;
            refused.is_problem(422, "validation_failed");
            assert_eq!(refused.json()["errors"][0]["field"], "code");
            server.login("tia").await;
        }
        let code = code_of(&server, &secret, 0);
        let right = json!({"setup": setup, "code": code, "name": "Phone"});
        let done = post(&server, &tokens, CONFIRM, right.clone()).await.is(201).json();
        assert_eq!(done["factor"]["name"], "Phone");
        assert_eq!(done["recovery_codes"].as_array().unwrap().len(), 10);
        log_in_with(&server, "tia", &code).await.is_problem(401, "mfa_failed");
        server.try_login("tia", PASSWORD).await.is_problem(401, "mfa_required");
        // The session continues, without the level for changes of factors.
        server.get_as("/v1/me", &tokens.access).await.is(200);
        let again = post(&server, &tokens, CONFIRM, right).await;
        again.is_problem(409, "conflict");
        let begun = post(&server, &tokens, BEGIN, Value::Null).await;
        begun.is_problem(401, "reauthentication_required");
        // The setup of one user is refused for another.
        server.register("ada").await;
        let ada = server.login("ada").await;
        let theirs = json!({"setup": setup, "code": code_of(&server, &secret, 1)});
        post(&server, &ada, CONFIRM, theirs).await.is_problem(422, "validation_failed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_ends_after_ten_minutes_and_counts_once() {
    on_both("setup of an app", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let tokens = server.login("tia").await;
        let begun = post(&server, &tokens, BEGIN, Value::Null).await;
        let (setup, secret) = (begun.string("setup"), secret_of(&begun.string("secret")));
        server.advance(TimeSpan::from_mins(10));
        let tokens = server.login("tia").await;
        let late = json!({"setup": setup, "code": code_of(&server, &secret, 0)});
        let refused = post(&server, &tokens, CONFIRM, late).await;
        assert_eq!(refused.is(422).json()["errors"][0]["field"], "setup");
        // Of concurrent confirmations of one setup one succeeds.
        let begun = post(&server, &tokens, BEGIN, Value::Null).await;
        let (setup, secret) = (begun.string("setup"), secret_of(&begun.string("secret")));
        let all = (0..10).map(|at| {
            let body = json!({"setup": setup, "code": code_of(&server, &secret, at % 2)});
            post(&server, &tokens, CONFIRM, body)
        });
        let all = join_all(all).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 201).count(), 1);
        for lost in all.iter().filter(|answer| answer.status != 201) {
            lost.is_problem(409, "conflict");
        }
        // Later as well, with a right code and with a wrong one, although the sign-in lacks the factor by now.
        for code in [code_of(&server, &secret, 1), "000000".to_owned()] {
            let body = json!({"setup": setup, "code": code});
            post(&server, &tokens, CONFIRM, body).await.is_problem(409, "conflict");
        }
        let listed = server.get_as("/v1/factors", &tokens.access).await.is(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_sign_in_or_one_without_the_code_changes_no_factor() {
    on_both("fresh authentication", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let old = place.app.log_in(server, "tia").await;
        let path = format!("/v1/factors/{}", place.app.factor);
        let call = async |method: Method, path: &str, tokens: &Tokens, body: Value| {
            server.call_as(method, path, &tokens.access, body).await
        };
        server.advance(TimeSpan::from_mins(5) + TimeSpan::from_secs(1));
        // One is too old, the other was made without a code.
        for tokens in [&old, &place.first] {
            for (method, path, body) in [
                (Method::POST, BEGIN, Value::Null),
                (Method::POST, "/v1/factors/recovery-codes", Value::Null),
                (Method::PATCH, &*path, json!({"name": "Mine"})),
                (Method::DELETE, &*path, Value::Null),
            ] {
                let answer = call(method, path, tokens, body).await;
                answer.is_problem(401, "reauthentication_required");
                let header = answer.header("www-authenticate");
                assert!(header.contains(r#"error="insufficient_user_authentication""#), "{header}");
                let wanted = r#"max_age="300", acr_values="urn:signet:acr:mfa""#;
                assert!(header.ends_with(wanted), "{header}");
            }
        }
        // The listed value can be sent back, and changes nothing.
        let listed = server.get_as("/v1/factors", &old.access).await.is(200).json();
        let same = call(Method::PATCH, &path, &old, listed["data"][0].clone()).await;
        assert_eq!(same.is(200).json(), listed["data"][0]);
        let other = call(Method::PATCH, &path, &old, json!({"kind": "passkey"})).await;
        other.is_problem(422, "read_only");
        let new = place.app.log_in(server, "tia").await;
        let renamed = call(Method::PATCH, &path, &new, json!({"name": "Mine"})).await;
        assert_eq!(renamed.is(200).json()["name"], "Mine");
        call(Method::PATCH, &path, &new, json!({"name": ""}))
            .await
            .is_problem(422, "validation_failed");
        // The factor of another user is not found.
        let root = server.login("root").await;
        call(Method::DELETE, &path, &root, Value::Null).await.is_problem(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_three_apps_at_most() {
    on_both("three apps", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let tokens = place.app.log_in(server, "tia").await;
        let second = Authenticator::enrol(server, &tokens).await;
        assert!(second.recovery_codes.is_empty(), "the account has codes");
        let mut setups = Vec::new();
        for _ in 0..4 {
            let begun = post(server, &tokens, BEGIN, Value::Null).await;
            setups.push((begun.is(200).string("setup"), secret_of(&begun.string("secret"))));
        }
        let all = setups.iter().map(|(setup, secret)| {
            post(
                server,
                &tokens,
                CONFIRM,
                json!({"setup": setup, "code": code_of(server, secret, 0)}),
            )
        });
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is_problem(409, "conflict");
        }
        post(server, &tokens, BEGIN, Value::Null).await.is_problem(409, "conflict");
        // A code of any of them signs in.
        second.log_in(server, "tia").await;
    })
    .await;
}
