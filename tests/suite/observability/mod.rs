//! Observability: metrics, alerts, the dashboard, log lines and traces.

mod alerts;
mod log_lines;
mod metrics;
mod prometheus;
mod spans;
mod traces;

use reqwest::Method;
use serde_json::json;
use signet::jobs;

use crate::support::Server;
use crate::support::relying_party::App;

const API: &str = "https://api.example.com";

/// A server on which every ordinary event has happened once: successful and failed sign-ins, refreshes, token
/// requests, a fetch of the keys by a resource server, and a run of the sampling job.
async fn scripted(server: &Server) {
    let root = server.administrator("root").await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    server.try_login("ada", "not the password").await.is(401);
    server.refresh(&tokens.refresh).await.is(200);
    let api = json!({"identifier": API, "scopes": ["read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let client = json!({"type": "service", "audiences": [API]});
    let app = App::register(server, &root, client).await;
    app.call(server, "/oauth2/token", &[("grant_type", "client_credentials")]).await.is(200);
    app.call(server, "/oauth2/token", &[("grant_type", "password")]).await.is(400);
    server.get("/.well-known/jwks.json?rs=orders").await.is(200);
    server.get("/health").await.is(200);
    server.app.metrics.certificate_ends_at(server.now());
    server.app.metrics.config_has_drifted([(&"infra/prod".to_owned(), 0)].into_iter());
    jobs::beat(&server.app).await.unwrap();
    jobs::sample(&server.app).await.unwrap();
    jobs::count(&server.app).await.unwrap();
    jobs::housekeep(&server.app, server.now()).await.unwrap();
}
