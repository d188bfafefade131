//! API keys of users (`spk_`): creating, exchanging, gateways, and their end.

mod ends;
mod exchange;
mod gateways;
mod management;
mod page;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::relying_party::{FORM, form};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server};

/// An API that accepts keys.
pub const API: &str = "https://api.example.com";
/// An API that does not.
pub const CLOSED: &str = "https://closed.example.com";
pub const KEYS: &str = "/v1/api-keys";
const KEY_TYPE: &str = "urn:signet:token-type:api-key";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Half a year in seconds.
pub const HALF_A_YEAR: i64 = 15_768_000;

/// A server with two APIs, and the user `ada`.
pub struct Place {
    pub server: Server,
    pub root: Tokens,
    pub ada: String,
    pub tokens: Tokens,
}

impl Place {
    pub async fn on(backend: Backend) -> Self {
        Self::with(Options::on(backend)).await
    }

    pub async fn with(options: Options) -> Self {
        let server = options.start().await;
        let root = server.administrator("root").await;
        for api in [
            json!({"identifier": API, "scopes": ["orders:read", "orders:write", "orders:refund"],
                "key_scopes": ["orders:read", "orders:write"], "claims": ["roles"]}),
            json!({"identifier": CLOSED, "scopes": ["orders:read"]}),
        ] {
            server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        }
        let ada = server.register("ada").await;
        let roles = json!({"roles": ["buyer"]});
        let path = format!("/v1/admin/users/{ada}");
        server.call_as(Method::PATCH, &path, &root.access, roles).await.is(200);
        let tokens = server.login("ada").await;
        Self { server, root, ada, tokens }
    }

    /// The response to a request of ada for a key.
    pub async fn try_key(&self, body: Value) -> Answer {
        self.server.call_as(Method::POST, KEYS, &self.tokens.access, body).await
    }

    /// A key of ada: its id and the key.
    pub async fn key(&self, scopes: &[&str]) -> (String, String) {
        let made = self.try_key(wish(scopes)).await;
        made.is(201);
        (made.string("id"), made.string("key"))
    }

    pub async fn keys(&self) -> Vec<Value> {
        let answer = self.server.get_as(KEYS, &self.tokens.access).await;
        answer.is(200).json()["data"].as_array().unwrap().clone()
    }

    pub async fn revoke(&self, id: &str) -> Answer {
        let path = format!("{KEYS}/{id}");
        self.server.call_as(Method::DELETE, &path, &self.tokens.access, Value::Null).await
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    /// The response to the exchange of a key, with further parameters.
    pub async fn exchange(&self, key: &str, more: &[(&str, &str)]) -> Answer {
        let fields =
            [("grant_type", EXCHANGE), ("subject_token", key), ("subject_token_type", KEY_TYPE)];
        let request = self.server.request(Method::POST, "/oauth2/token");
        let body = form(fields.into_iter().chain(more.iter().copied()));
        self.server.send(request.header("content-type", FORM).body(body)).await
    }

    /// The decision for a gateway.
    pub async fn gateway(&self, query: &str, token: &str) -> Answer {
        self.server.get_as(&format!("/v1/forward-auth?audience={API}{query}"), token).await
    }
}

/// A request for a key of [`API`].
pub fn wish(scopes: &[&str]) -> Value {
    json!({"name": "Backup", "audience": API, "scopes": scopes, "expires_in": HALF_A_YEAR})
}
