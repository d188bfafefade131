//! The limit of users' writes, and requests that change nothing.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::rate_limit::RateLimit;
use signet::fetch_all;

use crate::support::relying_party::{App, Person};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

async fn limited(backend: Backend) -> Server {
    Options::on(backend).with("SIGNET_RATE_LIMITS", "on").start().await
}

async fn rename(server: &Server, who: &Tokens, name: &str) -> Answer {
    server.call_as(Method::PATCH, "/v1/me", &who.access, json!({ "name": name })).await
}

/// Every audit event there is.
async fn audited(server: &Server) -> i64 {
    let mut link = server.app.db.reader().await.unwrap();
    let rows = fetch_all!(&mut link, (i64,), "SELECT count(*) FROM audit_events");
    rows.unwrap()[0].0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_writes_sixty_times_then_once_a_second_on_both_databases() {
    on_both("write limit", async |backend| {
        let server = limited(backend).await;
        server.register("ada").await;
        server.register("bob").await;
        let (ada, bob) = (server.login("ada").await, server.login("bob").await);
        let burst = RateLimit::AuthenticatedWrite.bucket().burst;
        assert_eq!(burst, 60);
        for number in 0..burst {
            rename(&server, &ada, &format!("n{number}")).await.is(200);
        }
        let before = audited(&server).await;
        let refused = rename(&server, &ada, "more").await;
        refused.is_problem(429, "too_many_attempts");
        assert_eq!(refused.header("retry-after"), "1");
        // One limit for all writes of a user, in any session.
        let again = server.login("ada").await;
        for (method, path) in [
            (Method::DELETE, "/v1/sessions?scope=others"),
            (Method::DELETE, "/v1/sessions?scope=all"),
        ] {
            let answer = server.call_as(method, path, &again.access, Value::Null).await;
            answer.is_problem(429, "too_many_attempts");
        }
        // The log-in is the only event since.
        assert_eq!(audited(&server).await, before + 1);
        assert_eq!(
            server.get_as("/v1/me", &ada.access).await.is(200).json()["name"],
            format!("n{}", burst - 1)
        );
        // Other users are not limited, and a request without a change is no write.
        rename(&server, &bob, "Bob").await.is(200);
        rename(&server, &ada, &format!("n{}", burst - 1)).await.is(200);
        server.advance(TimeSpan::from_secs(1));
        rename(&server, &ada, "later").await.is(200);
        rename(&server, &ada, "too soon").await.is(429);
        // Ending sessions is bounded by their number: the owner can end that of an attacker.
        let other = server.login("ada").await;
        let stolen = format!("/v1/sessions/{}", other.claims()["sid"].as_str().unwrap());
        server.call_as(Method::DELETE, &stolen, &again.access, Value::Null).await.is(204);
        // The owner can always lock out an attacker that writes with one of their tokens.
        let change = json!({"current_password": PASSWORD, "new_password": "another good one"});
        server.call_as(Method::POST, "/v1/password", &again.access, change).await.is(204);
        server.get_as("/v1/me", &ada.access).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_write_without_a_limit_and_are_audited() {
    on_both("write limit: administrators", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let before = audited(&server).await;
        for number in 0..40 {
            rename(&server, &root, &format!("r{number}")).await.is(200);
            let body = json!({"name": format!("a{number}")});
            let path = format!("/v1/admin/users/{ada}");
            server.call_as(Method::PATCH, &path, &root.access, body).await.is(200);
        }
        assert_eq!(audited(&server).await, before + 80);
    })
    .await;
}

/// Writes of a service client with administration scopes are not limited.
#[tokio::test(flavor = "multi_thread")]
async fn service_clients_write_without_a_limit() {
    on_both("write limit: service clients", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let client = json!({"type": "service", "admin_scopes": ["signet:users"]});
        let app = App::register(&server, &root, client).await;
        let fields = [("grant_type", "client_credentials"), ("scope", "signet:users")];
        let access = app.call(&server, "/oauth2/token", &fields).await;
        let access = access.is(200).string("access_token");
        let before = audited(&server).await;
        let writes = i64::from(RateLimit::AuthenticatedWrite.bucket().burst) + 10;
        for number in 0..writes {
            let body = json!({"name": format!("a{number}")});
            let path = format!("/v1/admin/users/{ada}");
            server.call_as(Method::PATCH, &path, &access, body).await.is(200);
        }
        assert_eq!(audited(&server).await, before + writes);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_page_has_the_same_limit() {
    let server = limited(Backend::Sqlite).await;
    server.register("ada").await;
    let ada = Person::new(&server, "ada");
    let page = ada.get("/login").await;
    ada.log_in(&page, PASSWORD).await;
    let csrf = crate::support::relying_party::field(&ada.get("/account").await.text, "csrf");
    let rename = async |name: &str| {
        ada.post("/account/profile", &[("csrf", &csrf), ("name", name)]).await.status
    };
    for number in 0..60 {
        assert_eq!(rename(&format!("n{number}")).await, 303);
    }
    assert_eq!(rename("more").await, 429);
    assert_eq!(rename("n59").await, 303, "it changes nothing");
    let ended = ada.post("/account/sessions/end-others", &[("csrf", &csrf)]).await;
    assert_eq!(ended.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_nothing_writes_nothing_on_both_databases() {
    on_both("writes of nothing", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let id = server.register("ada").await;
        let ada = server.login("ada").await;
        rename(&server, &ada, "Ada").await.is(200);
        let client = json!({"client_id": "shop", "name": "Shop", "type": "web",
            "redirect_uris": ["https://shop.example.com/cb"]});
        server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await.is(201);
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
        let api = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await;
        let api = api.is(201).string("id");
        let user = json!({"name": "Ada", "role": "user", "roles": ["editor"], "groups": ["g"],
            "claims": {"team": "a"}});
        let paths = [
            (format!("/v1/admin/users/{id}"), user),
            (
                "/v1/admin/clients/shop".to_owned(),
                json!({"name": "Shop", "redirect_uris": ["https://shop.example.com/cb"],
                    "web_origins": []}),
            ),
            (format!("/v1/admin/apis/{api}"), json!({"scopes": ["read"], "signing_alg": null})),
        ];
        server.call_as(Method::PATCH, &paths[0].0, &root.access, paths[0].1.clone()).await.is(200);
        server.advance(TimeSpan::from_secs(5));
        let before = audited(&server).await;
        for (path, body) in &paths {
            let shown = server.get_as(path, &root.access).await.is(200).json();
            for _ in 0..3 {
                let answer = server.call_as(Method::PATCH, path, &root.access, body.clone()).await;
                assert_eq!(answer.is(200).json()["updated_at"], shown["updated_at"], "{path}");
            }
            assert_eq!(server.get_as(path, &root.access).await.is(200).json(), shown);
        }
        let shown = server.get_as("/v1/me", &ada.access).await.json();
        assert_eq!(rename(&server, &ada, "Ada").await.is(200).json(), shown);
        for action in ["enable", "enable"] {
            let path = format!("/v1/admin/users/{id}/{action}");
            server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
        }
        assert_eq!(audited(&server).await, before);
        // And one that does is written.
        server
            .call_as(Method::PATCH, &paths[0].0, &root.access, json!({"claims": {"team": "b"}}))
            .await
            .is(200);
        server
            .call_as(Method::PATCH, &paths[1].0, &root.access, json!({"name": "Store"}))
            .await
            .is(200);
        assert_eq!(audited(&server).await, before + 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_given_already_is_not_written_again_on_both_databases() {
    on_both("consent again", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let app = App::register(&server, &root, json!({"type": "web"})).await;
        let ada = Person::new(&server, "ada");
        app.code(&ada, &[]).await;
        let given = server.events(&root, "consent.granted").await.len();
        assert_eq!(given, 1);
        server.advance(TimeSpan::from_secs(5));
        app.code(&ada, &[("prompt", "consent")]).await;
        assert_eq!(server.events(&root, "consent.granted").await.len(), given);
    })
    .await;
}
