//! The documents that verifiers fetch, the endpoints for operators, and responses of paths that do not exist.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, Server};

#[tokio::test(flavor = "multi_thread")]
async fn the_jwks_is_what_verifiers_want() {
    let server = Server::start(Backend::Sqlite).await;
    let answer = server.get("/.well-known/jwks.json?rs=orders").await;
    assert_eq!(answer.is(200).header("content-type"), "application/json");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400"
    );
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let members = |key: &Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&keys[0]), ["kty", "crv", "use", "alg", "kid", "x", "y"]);
    assert_eq!(members(&keys[1]), ["kty", "use", "alg", "kid", "n", "e"]);
    assert_eq!((&keys[0]["alg"], &keys[1]["alg"]), (&json!("ES256"), &json!("RS256")));
    for key in &keys {
        assert_eq!(key["use"], "sig");
        assert_eq!(key["kid"].as_str().unwrap().len(), 43);
    }

    let etag = answer.header("etag").to_owned();
    for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let request = server.request(Method::GET, "/.well-known/jwks.json");
        let answer = server.send(request.header("if-none-match", tags)).await;
        assert_eq!((answer.status, answer.text.as_str()), (304, ""));
        assert_eq!(answer.header("etag"), etag);
    }
    let head = server.send(server.request(Method::HEAD, "/.well-known/jwks.json")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let preflight = server.request(Method::OPTIONS, "/.well-known/jwks.json");
    let preflight = server.send(preflight.header("origin", "https://app.example.com")).await;
    assert_eq!(preflight.is(204).header("access-control-allow-origin"), "*");
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_names_what_exists_and_the_configured_issuer_only() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", "https://auth.example.com");
    let server = options.start().await;
    let paths = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    for path in paths {
        let request = server.request(Method::GET, path);
        let request = request.header("host", "evil.example.com");
        let answer = server.send(request.header("x-forwarded-host", "evil.example.com")).await;
        let document = answer.is(200).json();
        assert_eq!(document["issuer"], "https://auth.example.com");
        assert_eq!(document["jwks_uri"], "https://auth.example.com/.well-known/jwks.json");
        assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256", "ES256"]));
        assert_eq!(document["token_endpoint"], "https://auth.example.com/oauth2/token");
        assert!(!answer.text.contains("evil"));
        assert!(!answer.header("strict-transport-security").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_ready() {
    let server = Server::start(Backend::Sqlite).await;
    assert_eq!(server.get("/health").await.is(200).json(), json!({"status": "ok"}));
    let ready = server.get("/ready").await;
    assert_eq!(ready.is(200).json()["checks"]["signing_key"], "ok");
    server.app.drain();
    let draining = server.get("/ready").await;
    assert_eq!(draining.is(503).json()["checks"]["accepting"], "failing");
    server.get("/health").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_addresses_get_the_error_format_of_their_path() {
    let server = Server::start(Backend::Sqlite).await;
    server.get("/v1/nowhere").await.is_problem(404, "not_found");
    server.get("/.well-known/nowhere").await.is_problem(404, "not_found");
    let oauth = server.get("/oauth2/nowhere").await;
    assert_eq!(oauth.is(404).json()["error"], "invalid_request");
    let page = server.get("/nowhere").await;
    assert!(page.is(404).header("content-type").starts_with("text/html"));
    let method = server.get("/v1/login").await;
    method.is_problem(405, "method_not_allowed");
    assert_eq!(method.header("allow"), "POST");
    let request = server.request(Method::POST, "/v1/login");
    let form = request.header("content-type", "application/x-www-form-urlencoded");
    let typed = server.send(form.body("login=a&password=b")).await;
    typed.is_problem(415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers_and_an_id() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let login = json!({"login": "ada", "password": PASSWORD});
    for answer in [
        server.get("/").await,
        server.get("/v1/me").await,
        server.get("/nowhere").await,
        server.post("/v1/login", login).await,
    ] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{}", answer.text);
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(answer.header("server").is_empty());
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    let request = server.request(Method::GET, "/v1/me").header("x-request-id", "trace-1.a");
    assert_eq!(server.send(request).await.string("request_id"), "trace-1.a");
    let request = server.request(Method::GET, "/v1/me").header("x-request-id", "a b\"c");
    assert_eq!(server.send(request).await.string("request_id").len(), 32);
}
