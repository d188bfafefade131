//! Keys, clients and APIs that this process does not know yet, because another process may have just created
//! them. Any number of unknown names causes one reload a second.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::store::db::counted;
use signet::tokens::validate;

use crate::support::relying_party::App;
use crate::support::server::{PASSWORD, Tokens, pair};
use crate::support::{Backend, Server, on_both};

const SECOND: TimeSpan = TimeSpan::from_secs(1);

/// A text in the form of a token of `server`, with this `kid`.
fn token(server: &Server, kid: &str) -> String {
    token_of(&server.base, server, kid)
}

/// The same for another issuer.
fn token_of(issuer: &str, server: &Server, kid: &str) -> String {
    use base64::Engine as _;
    let part =
        |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
    let claims = json!({"iss": issuer, "aud": server.base, "sub": "x", "client_id": "signet",
        "exp": server.now().secs() + 600, "iat": server.now().secs(), "jti": "x"});
    format!("{}.{}.{}", part(header), part(claims), part(json!("x".repeat(60))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_unknown_names_cost_one_statement_a_second() {
    on_both("unknown names", async |backend| {
        let server = Server::start(backend).await;
        let (app, now) = (&server.app, server.now());
        server.advance(SECOND);
        let tokens: Vec<String> =
            (0..100).map(|n| token(&server, &format!("unknown-{n}"))).collect();
        let names: Vec<String> = (0..100).map(|n| format!("client-{n}")).collect();
        let apis: Vec<String> = (0..100).map(|n| format!("https://{n}.example.com/")).collect();
        let all = async || {
            let keys = async {
                for outcome in
                    join_all(tokens.iter().map(|t| validate::require_active(app, t, now))).await
                {
                    assert!(outcome.unwrap().is_none());
                }
            };
            let clients = async {
                for outcome in join_all(names.iter().map(|name| app.client_or_reload(name))).await {
                    assert!(outcome.unwrap().is_none());
                }
            };
            let apis = async {
                for name in &apis {
                    assert!(app.audience_or_reload(Some(name)).await.unwrap().is_none());
                    assert!(app.audience_named_or_reload(name).await.unwrap().is_none());
                }
            };
            tokio::join!(keys, clients, apis);
        };
        for _ in 0..3 {
            assert_eq!(counted(all()).await.1, 1, "one look for all of them");
            assert_eq!(counted(all()).await.1, 0, "and none within the second");
            server.advance(TimeSpan::from_millis(999));
            assert_eq!(counted(all()).await.1, 0);
            server.advance(TimeSpan::from_millis(1));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_form_costs_no_statement() {
    on_both("names that cannot be ours", async |backend| {
        let server = Server::start(backend).await;
        let now = server.now();
        let elsewhere = token_of("https://other.example.com", &server, "unknown");
        let mut texts = vec![String::new(), "x.y.z".to_owned(), elsewhere];
        texts.extend(["", "k\u{7f}", &"k".repeat(256)].map(|kid| token(&server, kid)));
        let known = server.app.keyring();
        let jwks: Value = serde_json::from_slice(&known.jwks.body).unwrap();
        texts.push(token(&server, jwks["keys"][0]["kid"].as_str().unwrap()));
        let ask = async {
            for text in &texts {
                assert!(validate::require_active(&server.app, text, now).await.unwrap().is_none());
            }
        };
        assert_eq!(counted(ask).await.1, 0);
        // A genuine one costs the statement that reads its session, and no other.
        server.register("ada").await;
        let access = server.login("ada").await.access;
        let ask = validate::require_active(&server.app, &access, now);
        let (active, statements) = counted(ask).await;
        assert!(active.unwrap().is_some());
        assert_eq!(statements, 1);
    })
    .await;
}

/// The other process has not reloaded on schedule: the token causes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_new_key_is_valid_at_the_other_process_at_once() {
    let Some((one, two)) = pair("a key of another process").await else { return };
    one.register("ada").await;
    one.administrator("root").await;
    for _ in 0..5 {
        two.advance(SECOND);
        // A stolen key: its successor signs in the same transaction.
        let root = administer(&one).await;
        let path = format!("/v1/admin/keys/{}/retire", kid_of(&root));
        one.call_as(Method::POST, &path, &root.access, json!({"now": true})).await.is(204);
        let tokens = one.login("ada").await;
        two.get_as("/v1/me", &tokens.access).await.is(200);
    }
    // The same for a client, and a token issued to it.
    two.advance(SECOND);
    let root = administer(&one).await;
    let app = App::register(&one, &root, json!({"type": "web"})).await;
    app.call(&two, "/oauth2/introspect", &[("token", "x")]).await.is(200);
}

/// The administrator `root`, logged in for administration.
async fn administer(server: &Server) -> Tokens {
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&server.post("/v1/login", body).await)
}

fn kid_of(tokens: &Tokens) -> String {
    jsonwebtoken::decode_header(&tokens.access).unwrap().kid.unwrap()
}

fn kids(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "ES256");
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// `rotate --now`: published at once, and signing when every process has the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_to_sign_at_once_is_published_six_seconds_before() {
    let Some((one, two)) = pair("a sudden key").await else { return };
    one.register("ada").await;
    let root = one.administrator("root").await;
    let first = kid_of(&one.login("ada").await);
    let body = json!({"alg": "ES256", "now": true});
    let answer =
        one.call_as(Method::POST, "/v1/admin/keys/rotate", &root.access, body.clone()).await;
    let made = answer.is(200).json()["data"][0].clone();
    let kid = made["kid"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["state"], &made["signs_at"]),
        (&json!("published"), &json!((one.now() + TimeSpan::from_secs(6)).rfc3339()))
    );
    // A repeated request returns the same.
    let again = one.call_as(Method::POST, "/v1/admin/keys/rotate", &root.access, body).await;
    assert_eq!(again.is(200).json()["data"][0], made);
    for server in [&one, &two] {
        server.app.reload_if_changed().await.unwrap();
        let jwks = server.get("/.well-known/jwks.json").await.is(200).json();
        assert_eq!(kids(&jwks), [first.clone(), kid.clone()], "published everywhere");
        server.advance(TimeSpan::from_millis(5_999));
        signet::jobs::key_rotation::follow_orders(&server.app).await.unwrap();
    }
    assert_eq!(kid_of(&one.login("ada").await), first);
    // Both find the step due at once; one of them takes it.
    for server in [&one, &two] {
        server.advance(TimeSpan::from_millis(1));
    }
    let both =
        join_all([&one, &two].map(|server| signet::jobs::key_rotation::follow_orders(&server.app)));
    for outcome in both.await {
        outcome.unwrap();
    }
    for (here, there) in [(&one, &two), (&two, &one)] {
        here.app.reload_if_changed().await.unwrap();
        there.app.reload_if_changed().await.unwrap();
        let tokens = here.login("ada").await;
        assert_eq!(kid_of(&tokens), kid);
        there.get_as("/v1/me", &tokens.access).await.is(200);
    }
    let events = one.events(&root, "key.activated").await;
    assert_eq!(events.iter().filter(|event| event["detail"] == json!(kid)).count(), 1);
}

/// A step that was scheduled by a wrong clock does not wait until that time.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_lasts_no_longer_after_the_clock_was_set_back() {
    let server = Server::start(Backend::Sqlite).await;
    server.administrator("root").await;
    server.jump(TimeSpan::from_mins(30));
    let root = administer(&server).await;
    let body = json!({"alg": "ES256", "now": true});
    let answer = server.call_as(Method::POST, "/v1/admin/keys/rotate", &root.access, body).await;
    let kid = answer.is(200).json()["data"][0]["kid"].clone();
    server.jump(TimeSpan::from_mins(-30));
    signet::jobs::key_rotation::follow_orders(&server.app).await.unwrap();
    let jwks = server.get("/.well-known/jwks.json").await.is(200).json();
    assert_eq!(json!(kids(&jwks)[0]), kid);
}
