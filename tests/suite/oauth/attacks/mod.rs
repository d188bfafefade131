//! Attackers with an account, a client or an API of their own.

mod audit;
mod browser_requests;
mod privilege_escalation;
mod rate_limits;

use reqwest::Method;
use serde_json::json;

use crate::support::server::Tokens;
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";
const STOCK: &str = "https://stock.example.com";

async fn set() -> (Server, Tokens) {
    set_on(Backend::Sqlite).await
}

async fn set_on(backend: Backend) -> (Server, Tokens) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    server.register("mallory").await;
    for (api, scopes) in [(API, json!(["read", "write"])), (STOCK, json!(["read", "count"]))] {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    (server, root)
}
