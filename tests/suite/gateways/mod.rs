//! Decisions for gateways, and the gateways themselves.

mod decision;
pub mod native;
mod process;
mod question;
mod recipes;
mod resource_metadata;
mod service;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;
use signet::domain::forward_auth::HEADERS;

use crate::support::relying_party::signed;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server};

/// The API whose services are behind the gateway.
pub const API: &str = "https://api.example.com";
/// The path of the decision request.
pub const QUESTION: &str = "/v1/forward-auth?audience=https://api.example.com";

/// A server with the API, a service client and the user `ada`, who has the role `buyer`.
pub struct Place {
    pub server: Server,
    pub root: Tokens,
    /// The id of the API.
    pub api: String,
    /// The id of the user.
    pub ada: String,
    secret: String,
}

impl Place {
    pub async fn on(backend: Backend) -> Self {
        Self::with(Options::on(backend)).await
    }

    pub async fn with(options: Options) -> Self {
        let server = options.start().await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let post = async |path: &str, body: Value| {
            let answer = server.call_as(Method::POST, path, &root.access, body).await;
            answer.is(201);
            answer
        };
        let api = post(
            "/v1/admin/apis",
            json!({"identifier": API, "scopes": ["orders:read", "orders:write"], "claims": ["roles", "tenant"]}),
        );
        let api = api.await.string("id");
        let client = json!({"client_id": "billing", "name": "Billing", "type": "service",
            "audiences": [API], "scopes": ["orders:read"]});
        let secret = post("/v1/admin/clients", client).await.string("client_secret");
        let user = json!({"roles": ["buyer", "Käufer groß"], "claims": {"tenant": "t1"}});
        let path = format!("/v1/admin/users/{ada}");
        server.call_as(Method::PATCH, &path, &root.access, user).await.is(200);
        server.app.reload_if_changed().await.unwrap();
        Self { server, root, api, ada, secret }
    }

    /// Tokens of ada for an audience.
    pub async fn login(&self, audience: Option<&str>, scope: &str) -> Tokens {
        let mut body = json!({"login": "ada", "password": PASSWORD, "scope": scope});
        if let Some(audience) = audience {
            body["audience"] = json!(audience);
        }
        let answer = self.server.post("/v1/login", body).await;
        Tokens::of(answer.is(200))
    }

    /// A token of the service client itself.
    pub async fn service_token(&self, proof: Option<&str>) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id=billing&client_secret={}&resource=https%3A%2F%2Fapi.example.com",
            self.secret
        );
        let request = self.server.request(Method::POST, "/oauth2/token");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        };
        self.server.send(request.body(form)).await.is(200).string("access_token")
    }

    /// The decision for a request with these headers.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.server.request(method, path);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.server.send(request).await
    }

    /// The decision for a request with a Bearer token.
    pub async fn ask_with(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {token}"))]).await
    }
}

/// The five headers of a response.
pub fn said(answer: &Answer) -> Vec<String> {
    HEADERS.iter().map(|name| answer.header(name).to_owned()).collect()
}

/// A DPoP proof for a request at `uri`; with `token` it has its hash (`ath`).
pub fn proof(
    server: &Server,
    key: &SigningKey,
    (method, uri): (&str, &str),
    token: Option<&str>,
    jti: &str,
) -> String {
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
    let mut claims = json!({"htm": method, "htu": uri, "jti": jti, "iat": server.now().secs()});
    if let Some(token) = token {
        claims["ath"] = json!(sha256_base64url(token.as_bytes()));
    }
    signed(key, &header, &claims)
}
