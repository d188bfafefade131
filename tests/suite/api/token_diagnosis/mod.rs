//! The diagnosis of tokens of every kind and at other times, and that it changes nothing.

mod clients;
mod codes;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::Timestamp;
use signet::crypto::jwt::Signer;
use signet::domain::claims::TokenType;
use signet::domain::token_diagnosis::TokenCode;

use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const API: &str = "https://api.example.com";
const WHY: &str = "/v1/admin/tokens/why";

/// A server with an administrator, a user and an API, and the codes that were produced.
struct Bench {
    server: Server,
    root: Tokens,
    seen: BTreeSet<String>,
}

impl Bench {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": API});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        Self { server, root, seen: BTreeSet::new() }
    }

    /// The diagnosis of a token, which does not repeat the token.
    async fn ask(&mut self, token: &str, more: Value) -> Value {
        let answer = self.post(token, more).await;
        let report = answer.is(200).json();
        assert!(token.len() < 12 || !answer.text.contains(token), "{}", answer.text);
        for check in report["checks"].as_array().unwrap() {
            self.seen.extend(check["code"].as_str().map(str::to_owned));
            assert_eq!(check["ok"] == json!(false), check["code"].is_string(), "{report}");
        }
        assert_eq!(report["good"] == json!(true), report["code"].is_null(), "{report}");
        report
    }

    async fn post(&self, token: &str, more: Value) -> Answer {
        let mut body = json!({ "token": token });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.server.call_as(Method::POST, WHY, &self.root.access, body).await
    }

    /// Asserts that the first failure is this one, with a sentence.
    #[track_caller]
    fn is(report: &Value, code: TokenCode) {
        assert_eq!(report["code"], code.as_str(), "{report:#}");
        let message = report["message"].as_str().unwrap();
        assert!(message.ends_with('.') && message.len() > 20, "{message}");
    }

    /// A token of any claims, signed by the current key.
    fn sign(&self, kid: &str, typ: TokenType, claims: &Value) -> String {
        let key = self.server.app.keyring().parsed(kid).unwrap();
        Signer::new(Arc::clone(&key)).sign(typ, claims).unwrap()
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    async fn log_in_for(&self, audience: &str) -> Tokens {
        let body = json!({"login": "ada", "password": PASSWORD, "audience": audience});
        Tokens::of(&self.server.post("/v1/login", body).await)
    }
}

#[track_caller]
fn is_good(report: &Value) {
    assert_eq!(report["good"], true, "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() > 10 && checks.iter().all(|check| check["ok"] == true), "{report:#}");
}

/// The result of one check.
fn check(report: &Value, name: &str) -> Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
}

fn header_of(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn kid_of(token: &str) -> String {
    header_of(token)["kid"].as_str().unwrap().to_owned()
}

/// The token with one part replaced.
fn with_part(token: &str, part: usize, value: &Value) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

fn at(time: Timestamp) -> Value {
    json!({ "at": time.rfc3339() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_deleted_keeps_its_tokens() {
    let mut bench = Bench::on(Backend::Sqlite).await;
    let tokens = bench.log_in_for(API).await;
    let path = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
    bench.admin(Method::DELETE, path, Value::Null).await.is(204);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::UnregisteredAudience);
    assert_eq!(check(&report, "api")["ok"], Value::Null);
    let report = bench.ask(&tokens.access, json!({ "audience": API })).await;
    is_good(&report);
    assert!(check(&report, "api")["detail"].as_str().unwrap().contains("not registered"));
}

/// Settings of APIs apply to new tokens; earlier ones stay valid.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_look_are_explained() {
    on_both("why: rules of APIs", async |backend| {
        let mut bench = Bench::on(backend).await;
        let before = bench.log_in_for(API).await;
        let path = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
        bench.admin(Method::PATCH, path, json!({"token_profile": "jwt"})).await.is(200);
        let jwt = bench.log_in_for(API).await;
        assert_eq!(header_of(&jwt.access)["typ"], "JWT");
        let report = bench.ask(&jwt.access, json!({ "audience": API })).await;
        is_good(&report);
        assert_eq!(check(&report, "type")["detail"], Value::Null, "{report:#}");
        let report = bench.ask(&before.access, json!({ "audience": API })).await;
        is_good(&report);
        assert!(check(&report, "type")["detail"].is_string(), "{report:#}");

        bench.admin(Method::PATCH, path, json!({"signing_alg": "HS256"})).await.is(200);
        let shared = bench.log_in_for(API).await;
        assert_eq!(header_of(&shared.access)["alg"], "HS256");
        let report = bench.ask(&shared.access, json!({})).await;
        is_good(&report);
        assert!(check(&report, "key")["detail"].as_str().unwrap().contains("secret"), "{report:#}");
        is_good(&bench.ask(&before.access, json!({})).await);
        let altered = with_part(&shared.access, 1, &with(&shared.claims(), "scope", json!("x")));
        Bench::is(&bench.ask(&altered, json!({})).await, TokenCode::BadSignature);
        let header = with(&header_of(&shared.access), "alg", json!("ES256"));
        let report = bench.ask(&with_part(&shared.access, 0, &header), json!({})).await;
        Bench::is(&report, TokenCode::WrongAlgorithm);
        // A shared secret of one API is accepted for no other audience, nor for the issuer.
        let issuer = with(&shared.claims(), "aud", json!(bench.server.base));
        let report = bench.ask(&with_part(&shared.access, 1, &issuer), json!({})).await;
        Bench::is(&report, TokenCode::WrongType);
        assert_eq!(check(&report, "key")["code"], "unknown_key", "{report:#}");
        bench.admin(Method::PATCH, path, json!({"new_secret": true})).await.is(200);
        let report = bench.ask(&shared.access, json!({})).await;
        Bench::is(&report, TokenCode::UnknownKey);
        assert!(report["message"].as_str().unwrap().contains("replaced"), "{report}");

        // The first refresh for a deleted API ends the session.
        bench.admin(Method::DELETE, path, Value::Null).await.is(204);
        bench.server.refresh(&before.refresh).await.is(401);
        let report = bench.ask(&before.access, json!({ "audience": API })).await;
        Bench::is(&report, TokenCode::SessionEnded);
        assert!(report["message"].as_str().unwrap().contains("api_deleted"), "{report}");
    })
    .await;
}

/// The diagnosis uses nothing up, ends nothing and records nothing.
#[tokio::test(flavor = "multi_thread")]
async fn asking_changes_nothing() {
    on_both("why: changes nothing", async |backend| {
        let mut bench = Bench::on(backend).await;
        let first = bench.server.login("ada").await;
        let second = Tokens::of(&bench.server.refresh(&first.refresh).await);
        let third = Tokens::of(&bench.server.refresh(&second.refresh).await);
        let audit = "/v1/admin/audit?limit=200";
        let before = bench.server.get_as(audit, &bench.root.access).await.is(200).text.clone();
        // Presenting the first would raise an alarm.
        for (token, word) in
            [(&first, "has been used"), (&second, "has been used"), (&third, "newest")]
        {
            let report = bench.ask(&token.refresh, json!({})).await;
            let genuine = check(&report, "genuine");
            assert!(genuine["detail"].as_str().unwrap().contains(word), "{report:#}");
            assert_eq!(check(&report, "session")["ok"], true, "{report:#}");
            is_good(&bench.ask(&token.access, json!({})).await);
        }
        let after = bench.server.get_as(audit, &bench.root.access).await.is(200).text.clone();
        assert_eq!(before, after);
        bench.server.refresh(&third.refresh).await.is(200);
        bench.server.get_as("/v1/me", &third.access).await.is(200);
    })
    .await;
}

/// No modification of a valid token causes a fault, and none is called valid that the server's own endpoints refuse.
#[tokio::test(flavor = "multi_thread")]
async fn the_diagnosis_calls_no_refused_token_valid() {
    let mut bench = Bench::on(Backend::Sqlite).await;
    let ada = bench.server.login("ada").await;
    let issuer = json!({ "audience": bench.server.base });
    let mut tokens = vec![ada.access.clone()];
    let length = ada.access.len();
    for position in (0..length).step_by(length / 60) {
        let mut bytes = ada.access.clone().into_bytes();
        bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
        tokens.push(String::from_utf8(bytes).unwrap());
        tokens.push(ada.access[..position].to_owned());
    }
    // A correctly signed payload with a repeated member: readers that use the last one would miss what ours refuses.
    let key = bench.server.app.keyring().parsed(&kid_of(&ada.access)).unwrap();
    let twice = |name: &str, value: &Value| {
        let claims = ada.claims().to_string();
        let payload = format!("{{\"{name}\":{value},{}", &claims[1..]);
        let header = ada.access.split('.').next().unwrap();
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    for name in ["iss", "aud", "sub", "sid", "exp", "iat", "scope"] {
        let token = twice(name, &ada.claims()[name]);
        let report = bench.ask(&token, issuer.clone()).await;
        Bench::is(&report, TokenCode::IncompleteClaims);
        tokens.push(token);
    }
    let mut good = 0;
    for token in &tokens {
        let report = bench.ask(token, issuer.clone()).await;
        let status = bench.server.get_as("/v1/me", token).await.status;
        assert_eq!(report["good"] == json!(true), status == 200, "{report:#}");
        good += usize::from(status == 200);
    }
    assert_eq!(good, 1, "only the token itself is good");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_question_are_refused() {
    let bench = Bench::on(Backend::Sqlite).await;
    let post = async |body: Value| bench.admin(Method::POST, WHY, body).await;
    post(json!({ "token": "x".repeat(1_000_000) })).await.is_problem(413, "payload_too_large");
    post(json!({})).await.is_problem(422, "validation_failed");
    for time in ["yesterday", "", "-5", "1.5", "2026-11-18", "253402300800", &"9".repeat(40)] {
        let answer = post(json!({ "token": "x", "at": time })).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["field"], "at", "{time}");
    }
    for time in ["0", "253402300799", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59+01:00"] {
        post(json!({ "token": "x", "at": time })).await.is(200);
    }
    bench.server.post(WHY, json!({ "token": "x" })).await.is_problem(401, "invalid_token");
    let ada = bench.server.login("ada").await;
    let body = json!({ "token": bench.root.access });
    let answer = bench.server.call_as(Method::POST, WHY, &ada.access, body).await;
    answer.is_problem(403, "insufficient_scope");
}

/// A token of another server is reported as such, without a verified signature.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_server_is_recognised() {
    let mut here = Bench::on(Backend::Sqlite).await;
    let there = Options::on(Backend::Sqlite).start().await;
    there.register("ada").await;
    let report = here.ask(&there.login("ada").await.access, json!({})).await;
    Bench::is(&report, TokenCode::UnknownKey);
    let issuer = check(&report, "issuer");
    assert_eq!(issuer["code"], "wrong_issuer", "{report:#}");
    assert!(issuer["detail"].as_str().unwrap().contains(&there.base), "{report:#}");
    let report = here.ask(&there.login("ada").await.refresh, json!({})).await;
    assert_eq!(check(&report, "genuine")["code"], "not_genuine");
}
