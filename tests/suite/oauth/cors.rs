//! Scripts of other origins: allowed endpoints and headers, never with cookies.

use reqwest::Method;
use serde_json::json;

use crate::support::relying_party::App;
use crate::support::server::Answer;
use crate::support::{Backend, Server};

use super::set;

const OURS: &str = "https://app.example.com";

async fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let ask = server.request(Method::OPTIONS, path).header("origin", origin);
    let ask = ask.header("access-control-request-headers", "authorization,content-type,dpop");
    server.send(ask.header("access-control-request-method", "POST")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_ask_where_clients_ask_and_nowhere_else() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    for path in ["/oauth2/par", "/oauth2/device_authorization", "/oauth2/token", "/v1/login"] {
        let answer = preflight(&server, path, OURS).await;
        assert_eq!(answer.is(204).header("access-control-allow-origin"), OURS, "{path}");
        let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for needed in [
            "authorization",
            "content-type",
            "dpop",
            "x-request-id",
            "x-requested-with",
            "traceparent",
            "tracestate",
        ] {
            assert!(headers.split(", ").any(|known| known == needed), "{path}: {headers}");
        }
        let methods = answer.header("access-control-allow-methods");
        for needed in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(methods.split(", ").any(|known| known == needed), "{path}: {methods}");
        }
        assert!(answer.header("vary").to_ascii_lowercase().contains("origin"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        for wrong in ["https://app.example.com:444", "http://app.example.com", "null", ""] {
            let answer = preflight(&server, path, wrong).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path} {wrong}");
        }
    }
    // A script can read the cause of a refusal, and the challenge.
    let request = server.request(Method::GET, "/oauth2/userinfo").header("origin", OURS);
    let answer = server.send(request).await;
    assert_eq!(answer.is(401).header("access-control-allow-origin"), OURS);
    let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
    assert!(exposed.contains("www-authenticate"), "{exposed}");
    // Endpoints for servers and pages for users allow no scripts.
    for path in [
        "/oauth2/introspect",
        "/oauth2/authorize",
        "/oauth2/logout",
        "/login",
        "/consent",
        "/device",
        "/account",
        "/logout",
    ] {
        let answer = preflight(&server, path, OURS).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        let request = server.request(Method::GET, path).header("origin", OURS);
        let answer = server.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    // The documents for verifiers are open to all.
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let request = server.request(Method::GET, path).header("origin", "https://evil.example");
        let answer = server.send(request).await;
        assert_eq!(answer.is(200).header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
    // The origin is allowed only while its client exists.
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::DELETE, &path, &root.access, json!(null)).await.is(204);
    let gone = preflight(&server, "/oauth2/token", OURS).await;
    assert_eq!(gone.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_registered_clients_may_ask() {
    let (server, root, _) = set().await;
    let spa = json!({"type": "spa", "redirect_uris": ["http://app.localhost:3000/cb"],
        "web_origins": ["https://extra.example.com", "capacitor://localhost",
            "ionic://localhost", "tauri://localhost", "http://tauri.localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop"]});
    App::register(&server, &root, spa).await;
    for wrong in ["null", "capacitor://localhost/", "file://", "*", "http://app.example.com"] {
        let spa = json!({"type": "spa", "name": "App", "redirect_uris": [OURS],
            "web_origins": [wrong]});
        let answer = server.call_as(Method::POST, "/v1/admin/clients", &root.access, spa).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["field"], "web_origins", "{wrong}");
    }
    for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo", "/v1/me", "/v1/refresh"] {
        for (origin, allowed) in [
            ("https://app.example.com", true),
            ("https://extra.example.com", true),
            ("http://app.localhost:3000", true),
            ("capacitor://localhost", true),
            ("ionic://localhost", true),
            ("tauri://localhost", true),
            ("http://tauri.localhost", true),
            ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", true),
            ("chrome-extension://bbcdefghijklmnopabcdefghijklmnop", false),
            ("capacitor://evil", false),
            ("http://other.localhost:3000", false),
            ("https://evil.example.com", false),
            ("https://app.example.com.evil.example", false),
            ("null", false),
        ] {
            let wanted = if allowed { origin } else { "" };
            let ask = server.request(Method::OPTIONS, path).header("origin", origin);
            let ask = ask.header("access-control-request-method", "POST");
            let preflight = server.send(ask).await;
            assert_eq!(preflight.header("access-control-allow-origin"), wanted, "{path} {origin}");
            let request = server.request(Method::GET, path).header("origin", origin);
            let answer = server.send(request).await;
            assert_eq!(answer.header("access-control-allow-origin"), wanted, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
    }
}
