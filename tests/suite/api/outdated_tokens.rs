//! An access token keeps its own level: its holder gains nothing from later factors of its session. An attacker with
//! an older token of a session gains nothing from what the user proves afterwards.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::claims::TokenType;
use signet::domain::signing_key::SigningAlg;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::second_factors::{Authenticator, code_of, secret_of};
use crate::support::server::{Answer, PASSWORD, Server, Tokens};

const SINGLE: &str = "urn:signet:acr:single";
const MFA: &str = "urn:signet:acr:mfa";
const ADA: &str = "ada@example.org";
/// Passkeys, and login names that users may change.
const SETTINGS: &[(&str, &str)] =
    &[("SIGNET_ISSUER", "https://id.example.com"), ("SIGNET_LOGIN_CHANGE", "on")];

async fn step_up(server: &Server, access: &str, body: Value) -> Answer {
    server.call_as(Method::POST, "/v1/step-up", access, body).await
}

async fn go_on(server: &Server, asked: &Answer, mut entry: Value) -> Answer {
    entry["challenge"] = json!(asked.string("challenge"));
    server.post("/v1/login/continue", entry).await
}

fn claims_of(access: &str) -> Value {
    Tokens { access: access.to_owned(), refresh: String::new() }.claims()
}

/// Every request that needs a fresh authentication, with a token.
async fn changes(server: &Server, access: &str, factor: &str) -> Vec<(String, Answer)> {
    let of_factor = format!("/v1/factors/{factor}");
    let me = server.get_as("/v1/me", access).await.json();
    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::POST, "/v1/factors/totp", Value::Null),
        (Method::POST, "/v1/factors/recovery-codes", Value::Null),
        (Method::POST, "/v1/factors/passkeys/options", Value::Null),
        (Method::PATCH, &*of_factor, json!({"name": "Mine"})),
        (Method::DELETE, &*of_factor, Value::Null),
        (Method::PUT, "/v1/email", json!({"email": "eve@example.net"})),
        (Method::PATCH, "/v1/me", json!({"login": "eve"})),
        (Method::GET, "/v1/me/export", Value::Null),
        (Method::DELETE, "/v1/me", json!({"login": me["login"]})),
    ] {
        let answer = server.call_as(method.clone(), path, access, body).await;
        answers.push((format!("{method} {path}"), answer));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_before_a_step_up_gets_nothing_of_the_second_factor() {
    on_both("outdated token: level", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("tia", ADA).await;
        let tia = server.login("tia").await;
        let app = Authenticator::enrol(server, &tia).await;
        let asked = step_up(server, &tia.access, json!({"acr_values": MFA})).await;
        let code = json!({"code": app.new_code(server)});
        let strong = go_on(server, &asked, code).await.is(200).string("access_token");
        assert_eq!(claims_of(&strong)["acr"], MFA);
        // The session has both factors now; the earlier token stands for the password.
        let stolen = &tia.access;
        for body in [json!({"acr_values": MFA}), json!({"max_age": 600}), json!({})] {
            let asked = step_up(server, stolen, body).await;
            let methods = asked.is_problem(401, "mfa_required").json()["methods"].clone();
            assert_eq!(methods, json!(["totp", "recovery_code"]));
        }
        // The account requires its second factor for every such request.
        step_up(server, stolen, json!({"acr_values": SINGLE}))
            .await
            .is_problem(401, "mfa_required");
        for (what, answer) in changes(server, stolen, &app.factor).await {
            assert_eq!(answer.code(), "reauthentication_required", "{what}: {}", answer.text);
            let header = answer.header("www-authenticate");
            assert!(header.contains(r#"max_age="300""#), "{what}: {header}");
        }
        assert!(place.all().await.is_empty(), "no mail was sent");
        // Nor can it complete a change that the user has begun.
        let begun = server.call_as(Method::POST, "/v1/factors/totp", &strong, Value::Null).await;
        let secret = secret_of(&begun.is(200).string("secret"));
        let setup = json!({"setup": begun.string("setup"), "code": code_of(server, &secret, 0)});
        let confirm = "/v1/factors/totp/confirm";
        let refused = server.call_as(Method::POST, confirm, stolen, setup).await;
        refused.is_problem(401, "reauthentication_required");
        // The session of the user is unchanged.
        step_up(server, &strong, json!({"acr_values": MFA})).await.is(200);
        server
            .call_as(Method::POST, "/v1/factors/recovery-codes", &strong, Value::Null)
            .await
            .is(201);
        // A holder who proves the factor gets the level.
        let asked = step_up(server, stolen, json!({"acr_values": MFA})).await;
        let code = json!({"code": app.new_code(server)});
        let proved = go_on(server, &asked, code).await.is(200).string("access_token");
        assert_eq!(claims_of(&proved)["acr"], MFA);
        step_up(server, &proved, json!({"acr_values": MFA})).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_before_a_new_authentication_is_as_old_as_it_says() {
    on_both("outdated token: age", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("ada", ADA).await;
        let ada = server.login("ada").await;
        let app = Authenticator::enrol(server, &ada).await;
        let ada = app.log_in(server, "ada").await;
        server.advance(TimeSpan::from_secs(301));
        let asked = step_up(server, &ada.access, json!({})).await;
        let asked = go_on(server, &asked, json!({ "password": PASSWORD })).await;
        asked.is_problem(401, "mfa_required");
        let code = json!({"code": app.new_code(server)});
        let fresh = go_on(server, &asked, code).await.is(200).string("access_token");
        // The token satisfies the request, whose response would be a fresh token.
        for body in [json!({"acr_values": MFA}), json!({"acr_values": SINGLE})] {
            let refused = step_up(server, &ada.access, body).await;
            refused.is_problem(401, "invalid_token");
            assert!(refused.text.contains("refresh"), "{}", refused.text);
        }
        let asked = step_up(server, &ada.access, json!({"max_age": 300})).await;
        let methods = asked.is_problem(401, "mfa_required").json()["methods"].clone();
        assert_eq!(methods, json!(["password"]));
        for (what, answer) in changes(server, &ada.access, &app.factor).await {
            assert_eq!(answer.code(), "reauthentication_required", "{what}: {}", answer.text);
        }
        let codes = "/v1/factors/recovery-codes";
        server.call_as(Method::POST, codes, &fresh, Value::Null).await.is(201);
        // The refresh token has the level of its session.
        let next = Tokens::of(&server.refresh(&ada.refresh).await);
        assert_eq!(next.claims()["auth_time"], claims_of(&fresh)["auth_time"]);
        server.call_as(Method::POST, codes, &next.access, Value::Null).await.is(201);
    })
    .await;
}

/// A raised session keeps its level when a factor of its account is removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_that_is_outdated_removes_a_factor_and_takes_none_from_the_session() {
    on_both("outdated token: removal", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let tia = server.login("tia").await;
        let app = Authenticator::enrol(&server, &tia).await;
        let other = app.log_in(&server, "tia").await;
        let second = Authenticator::enrol(&server, &other).await;
        let path = format!("/v1/factors/{}", second.factor);
        server.call_as(Method::DELETE, &path, &other.access, Value::Null).await.is(204);
        // The sign-in is ended, because the session may depend on the removed app.
        let next = Tokens::of(&server.refresh(&other.refresh).await);
        assert_eq!(next.claims()["acr"], SINGLE);
        // The earlier token claims more than the level of its session now.
        let codes = "/v1/factors/recovery-codes";
        for tokens in [&other, &next] {
            let refused = server.call_as(Method::POST, codes, &tokens.access, Value::Null).await;
            refused.is_problem(401, "reauthentication_required");
        }
    })
    .await;
}

/// A token exchange of another client does not change the user's sign-in (RFC 8693 §4.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_an_actor_changes_no_account() {
    on_both("exchanged token: changes", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("ada", ADA).await;
        let ada = server.login("ada").await;
        let app = Authenticator::enrol(server, &ada).await;
        let ada = app.log_in(server, "ada").await;
        let signed = |claims: &Value| {
            let keyring = server.app.keyring();
            keyring.signer(SigningAlg::Es256).unwrap().sign(TokenType::AtJwt, claims).unwrap()
        };
        let mut claims = ada.claims();
        server.get_as("/v1/me", &signed(&claims)).await.is(200);
        claims["act"] = json!({"sub": "0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e"});
        let exchanged = signed(&claims);
        for (what, answer) in changes(server, &exchanged, &app.factor).await {
            assert_eq!((answer.status, &*answer.code()), (401, "invalid_token"), "{what}");
        }
        for (method, path, body) in [
            (Method::POST, "/v1/email/verify", json!({"code": "12345678"})),
            (Method::DELETE, "/v1/email/pending", Value::Null),
            (Method::POST, "/v1/step-up", json!({})),
            (Method::GET, "/v1/factors", Value::Null),
        ] {
            let answer = server.call_as(method, path, &exchanged, body).await;
            answer.is_problem(401, "invalid_token");
        }
        assert!(place.all().await.is_empty(), "no mail was sent");
    })
    .await;
}
