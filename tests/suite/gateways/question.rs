//! The inputs of a decision: the token and the operator's configuration.

use reqwest::Method;
use serde_json::json;

use super::{API, Place, QUESTION};
use crate::support::on_both;
use crate::support::process::Launch;
use crate::support::raw_status;

/// A malformed decision request is a 400 that names the parameter, independent of the token, and logs one line a
/// minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_names_its_parameter() {
    on_both("forward-auth: wrong questions", async |backend| {
        let place = Place::on(backend).await;
        let token = place.login(Some(API), "orders:read").await.access;
        let issuer = format!("/v1/forward-auth?audience={}", place.server.base);
        let unknown = uuid::Uuid::nil();
        let by_path = |rest: &str| format!("/v1/ext-authz/{}/{rest}", place.api);
        for (path, part) in [
            ("/v1/forward-auth".to_owned(), "audience is missing"),
            (issuer, "not the identifier of a registered API"),
            (
                "/v1/forward-auth?audience=https://other.example".to_owned(),
                "is \"https://other.example\", which is not the identifier",
            ),
            (format!("{QUESTION}&scope=orders:raed"), "does not offer the scope orders:raed"),
            (
                format!("{QUESTION}&audience=https://api.example.com"),
                "audience was sent more than once",
            ),
            (format!("{QUESTION}&scpoe=x"), "Unknown parameter \"scpoe\""),
            (format!("{QUESTION}&access_token={token}"), "Unknown parameter \"access_token\""),
            (format!("{QUESTION}&scope=%22"), "scope must be a list"),
            (format!("/v1/ext-authz/{unknown}/-"), "not the id of an API"),
            ("/v1/ext-authz/api/-".to_owned(), "a UUID"),
            (by_path("%22/orders"), "a list of scopes"),
        ] {
            for token in [&*token, "x"] {
                let answer = place.ask_with(&path, token).await;
                answer.is_problem(400, "malformed_request");
                let detail = answer.string("detail");
                assert!(detail.contains(part), "{path}: {detail}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_is_logged_once_a_minute() {
    let server = Launch::new().start().await;
    for _ in 0..5 {
        server.caller().get("/v1/forward-auth?audeince=x").await.is(400);
    }
    server.until_logged("gateway_question").await;
    let lines = server.log().matches("gateway_question").count();
    assert_eq!(lines, 1, "{}", server.log());
    assert!(server.log().contains("Unknown parameter \\\"audeince\\\""), "{}", server.log());
}

/// Every method gets the same decision, with and without a body; so does a CORS preflight, also from an origin of a
/// client.
#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_judged_by_its_token() {
    on_both("forward-auth: methods", async |backend| {
        let place = Place::on(backend).await;
        let token = place.login(Some(API), "orders:read").await.access;
        let client = json!({"name": "Shop", "type": "spa", "redirect_uris": ["https://shop.example.com/cb"]});
        place.server.call_as(Method::POST, "/v1/admin/clients", &place.root.access, client).await.is(201);
        place.server.app.reload_if_changed().await.unwrap();
        let bearer = format!("Bearer {token}");
        let path = format!("/v1/ext-authz/{}/-/orders", place.api);
        for misspelt in ["/v1/forward-auth/", "/v1/forward-authz", "/v1/ext-authz", "/v1/forward-auth;x"] {
            let preflight = [
                ("origin", "https://shop.example.com"),
                ("access-control-request-method", "GET"),
            ];
            let answer = place.ask(Method::OPTIONS, misspelt, &preflight).await;
            assert_eq!(answer.status, 404, "{misspelt}: {}", answer.text);
        }
        for question in [QUESTION, &path] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
                let method: Method = method.parse().unwrap();
                let preflight = [
                    ("origin", "https://shop.example.com"),
                    ("access-control-request-method", "GET"),
                    ("access-control-request-headers", "authorization"),
                ];
                let answer = place.ask(method.clone(), question, &preflight).await;
                assert_eq!(answer.status, 401, "{method}: {}", answer.text);
                let answer = place.ask(method.clone(), question, &[("authorization", &bearer)]).await;
                assert_eq!(answer.status, 200, "{method}");
            }
            let request = place.server.request(Method::POST, question).header("authorization", &bearer);
            place.server.send(request.body("{not json")).await.is(200);
        }
    })
    .await;
}

/// Headers that describe the client's request change no decision.
#[tokio::test(flavor = "multi_thread")]
async fn headers_about_the_request_change_no_answer() {
    on_both("forward-auth: descriptions", async |backend| {
        let place = Place::on(backend).await;
        let token = place.login(Some(API), "orders:read").await.access;
        let bearer = format!("Bearer {token}");
        for (name, value) in [
            ("x-forwarded-uri", "/v1/forward-auth?audience=https://evil.example"),
            ("x-forwarded-method", "OPTIONS"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-prefix", "/public"),
            ("x-original-uri", "/health"),
            ("x-original-url", "/health"),
            ("x-original-method", "OPTIONS"),
            ("x-http-method-override", "OPTIONS"),
            ("x-rewrite-url", "/health"),
            ("forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
            ("signetsubject", "root"),
            ("x-request-id", "r-1"),
        ] {
            place.ask(Method::GET, QUESTION, &[(name, value)]).await.is(401);
            let answer = place
                .ask(Method::GET, QUESTION, &[("authorization", &bearer), (name, value)])
                .await;
            assert_eq!(answer.is(200).header("signetsubject"), place.ada, "{name}");
        }
    })
    .await;
}

/// For a gateway that appends path and query of the client to its own address, the API is the one in its address;
/// segments that could leave that prefix are refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_path_and_query_of_a_client_change_no_answer() {
    on_both("ext-authz", async |backend| {
        let place = Place::on(backend).await;
        let token = place.login(Some(API), "orders:read").await.access;
        let base = format!("/v1/ext-authz/{}", place.api);
        for passes in [
            "/-",
            "/-/",
            "/-/orders?audience=https://evil.example&scope=orders:write&access_token=x",
            "/orders:read/orders/7",
            "/-//a//b",
            "/-/%61%7e/K%C3%A4se/a%3ab",
            "/orders%3Aread/x",
        ] {
            let answer = place.ask_with(&format!("{base}{passes}"), &token).await;
            assert_eq!(answer.is(200).header("signetsubject"), place.ada, "{passes}");
        }
        let denied = place.ask_with(&format!("{base}/orders:read,orders:write/x"), &token).await;
        denied.is_problem(403, "insufficient_scope");
        place.ask(Method::GET, &format!("{base}/-/orders"), &[]).await.is(401);
        // Sent as they are, because a client library would normalize them.
        for refused in ["/-/../-", "/-/a/..", "/-/%2e%2e/x", "/-/%2E/x", "/-/a%2fb", "/-/a%5cb", "/-/%00"] {
            let request = format!(
                "GET {base}{refused} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            );
            assert_eq!(raw_status(&place.server, &request).await, 400, "{refused}");
        }
    })
    .await;
}
