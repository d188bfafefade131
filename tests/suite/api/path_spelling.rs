//! A path has one spelling, so that a proxy rule about its text cannot be bypassed with another one.

use reqwest::Method;
use serde_json::json;
use signet::http::routes::{Access, TABLE};

use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server, raw_status};

/// The status of a request for a path exactly as it is written here.
async fn status(server: &Server, method: &str, path: &str, admin: &Tokens) -> u16 {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
        admin.access
    );
    raw_status(server, &request).await
}

/// The path of a route, with `0` for each of its parameters.
fn named_zero(route: &str) -> String {
    let parts = route.split('/').map(|part| if part.starts_with('{') { "0" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_spelling_reaches_a_route_of_administration() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let mut tried = 0;
    for route in TABLE.iter().filter(|route| matches!(route.access, Access::Admin(_))) {
        let path = named_zero(route.path);
        // The route exists: its response differs from the router's.
        let direct = status(&server, route.method, &path, &root).await;
        assert!(direct != 400, "{path}: {direct}");
        for (at, byte) in path.bytes().enumerate().skip(1) {
            let (before, after) = (&path[..at], &path[at + 1..]);
            // Once for each case is enough; the rules for single characters have their own tests.
            let code = if at % 2 == 0 { format!("%{byte:02x}") } else { format!("%{byte:02X}") };
            let other = format!("{before}{code}{after}");
            let status = status(&server, route.method, &other, &root).await;
            // Names of clients and APIs may contain a slash: this one names an unknown client.
            let in_name =
                code == "%2F" && (before.ends_with("clients/0") || before.ends_with("apis/0"));
            assert!(status == 400 || (in_name && matches!(status, 404 | 405)), "{other}: {status}");
            tried += 1;
        }
        for other in [
            format!("/{path}"),
            path.replacen("/admin", "//admin", 1),
            path.replacen("/admin", "/./admin", 1),
            path.replacen("/admin", "/x/../admin", 1),
            path.replacen("/admin", "/admin/../admin", 1),
            path.replacen("/admin", "/%2e/admin", 1),
            path.replacen("/admin", "/x/%2E%2E/admin", 1),
            path.replacen("/admin", "/x%2F..%2Fadmin", 1),
            path.replacen("/admin", "%5Cadmin", 1),
            path.replacen("/admin", "\\admin", 1),
            path.replacen("/admin", "/admin%00", 1),
            path.replacen("/admin", "/admin%0A", 1),
            path.replacen("/admin", "/%C1%A1dmin", 1),
            path.replacen("/admin", "/%2561dmin", 1),
            path.replacen("/admin", "/%u0061dmin", 1),
            path.replacen("/admin", "/ADMIN", 1),
            path.replacen("/admin", "/admin;x", 1),
            path.replacen("/admin", "/admin;/", 1),
            format!("{path}/"),
            format!("{path}/."),
            format!("{path}%20"),
            format!("{path};x=1"),
        ] {
            let status = status(&server, route.method, &other, &root).await;
            // A name in place of an id: another route, which does not have the method.
            let is_id = path == "/v1/admin/sessions/end" && status == 405;
            assert!(matches!(status, 400 | 404) || is_id, "{other}: {status}");
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_resources_may_be_encoded_where_that_is_needed() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    for identifier in ["https://api.example.com/v1", "urn:orders"] {
        let body = json!({ "identifier": identifier });
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, body).await.is(201);
    }
    for (name, status) in [
        ("https%3A%2F%2Fapi.example.com%2Fv1", 200),
        ("https:%2F%2Fapi.example.com%2Fv1", 200),
        ("urn:orders", 200),
        ("urn%3Aorders", 200),
        ("urn%3aorders", 400),
        ("urn:%6frders", 400),
        ("urn:orders%2F..", 400),
        ("https%3A%2F%2Fapi.example.com%2F..%2Fv1", 400),
        ("urn%5Corders", 400),
        ("urn%00orders", 400),
    ] {
        let answer: Answer = server.get_as(&format!("/v1/admin/apis/{name}"), &root.access).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        if status == 400 {
            answer.is_problem(400, "malformed_request");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_spelling_is_refused_in_the_form_of_the_place() {
    let server = Server::start(Backend::Sqlite).await;
    let answer = server.get("/oauth2/%74oken").await;
    assert_eq!(answer.is(400).json()["error"], "invalid_request");
    let page = server.get("/%6Cogin").await;
    assert!(page.is(400).header("content-type").starts_with("text/html"), "{}", page.text);
    server.get("/v1/%6De").await.is_problem(400, "malformed_request");
    server.get("/health").await.is(200);
    server.get("/.well-known/openid-configuration").await.is(200);
}
