//! An API that is registered under the identifier of a deleted one is a new API.

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::verifiers::write_verifiers;
use signet::base::{TimeSpan, Timestamp};
use signet::store::verifiers;

use crate::support::relying_party::{App, Person, error_of, field, param};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::{ACCESS_TOKEN, API, DEVICE, EXCHANGE};

const APIS: &str = "/v1/admin/apis";

/// A server with one API, whose resource server may introspect and exchange, and a web client of it.
struct Bench {
    server: Server,
    root: Tokens,
    app: App,
    resource_server: App,
}

impl Bench {
    async fn start(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": API, "scopes": ["read"]});
        server.call_as(Method::POST, APIS, &root.access, api).await.is(201);
        let grants = ["authorization_code", "refresh_token", DEVICE, "client_credentials"];
        let app = json!({"type": "web", "audiences": [API], "grant_types": grants});
        let app = App::register(&server, &root, app).await;
        let service = json!({"type": "service", "serves": [API], "grant_types": [EXCHANGE],
            "audiences": [API]});
        let resource_server = App::register(&server, &root, service).await;
        Self { server, root, app, resource_server }
    }

    /// Deletes the API and registers another one under its identifier.
    async fn replace(&self) -> Value {
        let path = format!("{APIS}/{}", API.replace(':', "%3A").replace('/', "%2F"));
        self.server.advance(TimeSpan::from_secs(1));
        let deleted = self.server.call_as(Method::DELETE, &path, &self.root.access, Value::Null);
        deleted.await.is(204);
        self.server.advance(TimeSpan::from_secs(1));
        let api = json!({"identifier": API, "scopes": ["read", "write"]});
        let made = self.server.call_as(Method::POST, APIS, &self.root.access, api).await;
        self.server.advance(TimeSpan::from_secs(1));
        made.is(201).json()
    }

    async fn active(&self, token: &Value) -> Value {
        let fields = [("token", token.as_str().unwrap())];
        let answer = self.resource_server.call(&self.server, "/oauth2/introspect", &fields).await;
        answer.is(200).json()["active"].clone()
    }

    async fn poll(&self, code: &str) -> crate::support::server::Answer {
        let fields = [("grant_type", DEVICE), ("device_code", code)];
        self.app.call(&self.server, "/oauth2/token", &fields).await
    }

    /// Device code and user code for the API.
    async fn device(&self) -> (String, String) {
        let fields = [("scope", "read"), ("resource", API)];
        let answer = self.app.call(&self.server, "/oauth2/device_authorization", &fields).await;
        (answer.is(200).string("device_code"), answer.string("user_code"))
    }
}

const READ: &[(&str, &str)] = &[("scope", "openid read"), ("resource", API)];

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_sessions_for_a_deleted_api_are_not_for_its_successor_on_both_databases() {
    on_both("replaced API: sessions", async |backend| {
        let bench = Bench::start(backend).await;
        let Bench { server, app, .. } = &bench;
        let ada = Person::new(server, "ada");
        let code = app.code(&ada, READ).await;
        let before = app.redeem(server, &code).await.is(200).json();
        let body = json!({"login": "ada", "password": PASSWORD, "audience": API, "scope": "read"});
        let at_v1 = Tokens::of(&server.post("/v1/login", body.clone()).await);
        let own = [("grant_type", "client_credentials"), ("resource", API)];
        let own = app.call(server, "/oauth2/token", &own).await.is(200).json();
        let old = [&before["access_token"], &json!(at_v1.access), &own["access_token"]];
        for token in old {
            assert_eq!(bench.active(token).await, true);
        }

        bench.replace().await;

        for token in old {
            assert_eq!(bench.active(token).await, false);
            let exchange = [
                ("grant_type", EXCHANGE),
                ("subject_token", token.as_str().unwrap()),
                ("subject_token_type", ACCESS_TOKEN),
                ("resource", API),
            ];
            let answer = bench.resource_server.call(server, "/oauth2/token", &exchange).await;
            assert!(answer.status == 400, "{}", answer.text);
        }
        // A sign-in for the new API in the same browser shares the session with the branch for the old one,
        // which ends alone.
        let code = app.code(&ada, READ).await;
        let after = app.redeem(server, &code).await.is(200).json();
        let refresh = before["refresh_token"].as_str().unwrap();
        for _ in 0..2 {
            assert_eq!(error_of(&app.refresh(server, refresh).await, 400), "invalid_grant");
        }
        assert_eq!(bench.active(&after["access_token"]).await, true);
        let refresh = after["refresh_token"].as_str().unwrap();
        let after = app.refresh(server, refresh).await.is(200).json();
        assert_eq!(bench.active(&after["access_token"]).await, true);

        let answer = server.refresh(&at_v1.refresh).await;
        answer.is_problem(401, "refresh_token_invalid");
        let ended = server.events(&bench.root, "session.ended").await;
        let reasons: Vec<&Value> = ended.iter().map(|event| &event["detail"]).collect();
        assert_eq!(reasons, ["api_deleted"], "the session at /v1 had one branch");
        let again = Tokens::of(&server.post("/v1/login", body).await);
        server.refresh(&again.refresh).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_no_other_branch_ends_with_its_api() {
    on_both("replaced API: last branch", async |backend| {
        let bench = Bench::start(backend).await;
        let Bench { server, app, .. } = &bench;
        let ada = Person::new(server, "ada");
        let code = app.code(&ada, READ).await;
        let before = app.redeem(server, &code).await.is(200).json();
        bench.replace().await;
        // Concurrent attempts end it once and raise no alarm.
        let refresh = before["refresh_token"].as_str().unwrap();
        let tries = (0..8).map(|_| app.refresh(server, refresh));
        for answer in futures_util::future::join_all(tries).await {
            assert_eq!(error_of(&answer, 400), "invalid_grant");
        }
        let ended = server.events(&bench.root, "session.ended").await;
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0]["detail"], "api_deleted");
        assert!(server.events(&bench.root, "refresh.reuse_detected").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_to_a_deleted_api_are_not_for_its_successor_on_both_databases() {
    on_both("replaced API: consents", async |backend| {
        let bench = Bench::start(backend).await;
        let Bench { server, app, .. } = &bench;
        let ada = Person::new(server, "ada");
        app.code(&ada, READ).await;
        let silent = [READ, &[("prompt", "none")]].concat();
        app.code(&ada, &silent).await;
        bench.replace().await;

        let refused = ada.visit(&app.url(&silent)).await.said("error");
        assert_eq!(refused, "consent_required");
        let page = ada.get("/account").await.is(200).text.clone();
        assert!(!page.contains("action=\"/account/apps/remove\""), "{page}");
        // The consent to one scope of the new API is not added to the old one.
        let write = [("scope", "openid write"), ("resource", API)];
        app.code(&ada, &write).await;
        app.code(&ada, &[&write[..], &[("prompt", "none")]].concat()).await;
        assert_eq!(ada.visit(&app.url(&silent)).await.said("error"), "consent_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_grants_of_a_deleted_api_do_not_pass_to_its_successor_on_both_databases() {
    on_both("replaced API: under way", async |backend| {
        let bench = Bench::start(backend).await;
        let Bench { server, app, .. } = &bench;
        let ada = Person::new(server, "ada");
        let code = app.code(&ada, READ).await;
        let (allowed, user_code) = bench.device().await;
        let form = ada.get("/device").await;
        let flow = field(&form.is(200).text, "flow");
        let page = ada.post("/device", &[("flow", &flow), ("user_code", &user_code)]).await;
        ada.decide(&page, "allow").await.is(200);
        let (pending, user_code) = bench.device().await;
        let request = app.request(READ);
        let fields: Vec<_> = request.iter().map(|(name, value)| (&**name, &**value)).collect();
        let pushed = app.call(server, "/oauth2/par", &fields).await.is(201).string("request_uri");
        let again = [READ, &[("prompt", "consent")]].concat();
        let consent = ada.get(&app.url(&again)).await;

        bench.replace().await;

        let answer = app.redeem(server, &code).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
        assert!(answer.text.contains("deleted"), "{}", answer.text);
        server.advance(TimeSpan::from_secs(30));
        for code in [&allowed, &pending] {
            assert_eq!(error_of(&bench.poll(code).await, 400), "invalid_grant");
        }
        let form = ada.get("/device").await;
        let flow = field(&form.is(200).text, "flow");
        ada.post("/device", &[("flow", &flow), ("user_code", &user_code)]).await.is(422);
        let url = format!("/oauth2/authorize?client_id={}&request_uri={pushed}", app.id);
        assert_eq!(ada.visit(&url).await.said("error"), "invalid_target");
        let decided = ada.decide(&consent, "allow").await;
        let callback = ada.go_on(decided).await.callback();
        assert_eq!(param(&callback, "error").as_deref(), Some("invalid_target"));
        // And no consent of it is remembered.
        let silent = [READ, &[("prompt", "none")]].concat();
        assert_eq!(ada.visit(&app.url(&silent)).await.said("error"), "consent_required");
        let code = app.code(&ada, READ).await;
        app.redeem(server, &code).await.is(200);
    })
    .await;
}

/// The audiences of clients stay as the administrator set them: the response names each such client.
#[tokio::test(flavor = "multi_thread")]
async fn registering_an_api_again_names_the_clients_that_may_use_it_already() {
    let bench = Bench::start(Backend::Sqlite).await;
    let made = bench.replace().await;
    let warnings: Vec<&str> =
        made["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let of = |app: &App| warnings.iter().find(|text| text.contains(&app.id)).unwrap().to_owned();
    assert!(of(&bench.app).contains("may get tokens for this API:"));
    assert!(of(&bench.resource_server).contains("may get tokens for this API and introspect them"));
    assert!(warnings.iter().all(|text| text.contains("signet client update")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_api_has_no_history_of_fetching_keys_on_both_databases() {
    on_both("replaced API: verifiers", async |backend| {
        let bench = Bench::start(backend).await;
        let server = &bench.server;
        let seen = async |name: &str| {
            let always = Timestamp::from_millis(0);
            let mut reader = server.app.db.reader().await.unwrap();
            let all = verifiers::since(&mut reader, always, 100).await.unwrap();
            all.iter().any(|seen| seen.name == name)
        };
        for name in [API, &bench.app.id] {
            server.get(&format!("/.well-known/jwks.json?rs={name}")).await.is(200);
        }
        write_verifiers(&server.app, server.now()).await.unwrap();
        assert!(seen(API).await && seen(&bench.app.id).await);
        bench.replace().await;
        let path = format!("/v1/admin/clients/{}", bench.app.id);
        server.call_as(Method::DELETE, &path, &bench.root.access, Value::Null).await.is(204);
        assert!(!seen(API).await && !seen(&bench.app.id).await);
    })
    .await;
}
