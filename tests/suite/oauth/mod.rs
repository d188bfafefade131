//! The provider from outside: OAuth 2.1 and OpenID Connect, for clients and users.

mod acr;
mod attacks;
mod authorize;
mod authorize_challenge;
mod backchannel_logout;
mod branches;
mod client_assertion;
mod client_auth;
mod client_libraries;
mod client_policies;
mod client_why;
mod code_limits;
mod codes;
mod cors;
mod device;
mod discovery;
mod dpop;
mod dropped_scopes;
mod email_scope;
mod exchange;
mod fapi2;
mod form_post;
mod id_token_hint;
mod interaction;
mod introspection;
mod logout;
mod new_password;
mod oidc;
mod redemption;
mod refresh_grant;
mod replaced_api;
mod revocation_feed;
mod revocation_paths;
mod scope_errors;
mod set_back_clock;
mod statement_budget;
mod target_spelling;
mod token;
mod userinfo_audience;
mod workload;

use reqwest::Method;
use serde_json::json;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::App;
use crate::support::server::Tokens;
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server with two APIs, an administrator and a web client of the first API.
async fn set() -> (Server, Tokens, App) {
    set_on(Backend::Sqlite).await
}

/// The same on a database of this kind.
async fn set_on(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    for (api, scopes) in
        [(API, json!(["read", "write"])), ("https://stock.example.com", json!(["count"]))]
    {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let app = App::register(&server, &root, json!({"type": "web", "audiences": [API]})).await;
    (server, root, app)
}

/// A key of the test's own.
pub fn key() -> SigningKey {
    SigningKey::generate(SigningAlg::Es256).unwrap().key
}
