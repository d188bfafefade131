//! Workloads: clients that authenticate with tokens of another issuer.

mod discovery;
mod doors;
mod hostile;
mod rules;

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::{FORM, form, signed};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server};

pub const API: &str = "https://api.example.com";
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The number of the next job.
static NEXT: AtomicU64 = AtomicU64::new(0);
const ISSUERS: &str = "/v1/admin/trusted-issuers";

/// A server that trusts GitHub, whose key the test has, and the client `deploy`.
pub struct Place {
    pub server: Server,
    pub root: Tokens,
    pub github: SigningKey,
}

impl Place {
    pub async fn on(backend: Backend) -> Self {
        Self::with(Options::on(backend)).await
    }

    pub async fn with(options: Options) -> Self {
        let place = Self::without_issuer(options).await;
        let issuer = json!({"name": "github", "jwks": keys(&place.github)});
        place.admin(Method::POST, ISSUERS, issuer).await.is(201);
        place.client("deploy", &["github: repository_id=123,ref=refs/heads/main"]).await;
        place
    }

    pub async fn without_issuer(options: Options) -> Self {
        let server = options.start().await;
        let root = server.administrator("root").await;
        let api = json!({"identifier": API, "scopes": ["orders:read", "orders:write"]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        Self { server, root, github: key() }
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    pub async fn try_client(&self, name: &str, rules: &[&str]) -> Answer {
        let body = json!({"client_id": name, "name": name, "type": "service", "audiences": [API],
            "scopes": ["orders:read"], "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials", GRANT], "workloads": rules});
        self.admin(Method::POST, "/v1/admin/clients", body).await
    }

    /// A service client with these rules, which has no secret and no key.
    pub async fn client(&self, name: &str, rules: &[&str]) {
        self.try_client(name, rules).await.is(201);
    }

    /// The claims of GitHub for a job of the repository 123 on `main`, with changes; null removes a claim.
    pub fn job(&self, change: Value) -> Value {
        let now = self.server.now().secs();
        let id = format!("job-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut claims = json!({
            "iss": GITHUB, "aud": self.server.base, "jti": id, "iat": now, "nbf": now - 5, "exp": now + 300,
            "sub": "repo:octo@9/shop@123:ref:refs/heads/main", "repository": "octo/shop",
            "repository_id": "123", "repository_owner_id": "9", "ref": "refs/heads/main", "event_name": "push",
        });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    /// The token of a job.
    pub fn token(&self, change: Value) -> String {
        signed(&self.github, &header(), &self.job(change))
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.server.request(Method::POST, path).header("content-type", FORM);
        self.server.send(request.body(form(fields.iter().copied()))).await
    }

    /// The response to an assertion of `client_id` at the token endpoint.
    pub async fn assert(&self, client_id: &str, token: &str) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_assertion_type", TYPE),
            ("client_assertion", token),
        ];
        self.send("/oauth2/token", &fields).await
    }

    /// The response to the grant.
    pub async fn grant(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [&[("grant_type", GRANT), ("assertion", token)][..], more].concat();
        self.send("/oauth2/token", &fields).await
    }

    /// The messages of `signet client why`.
    pub async fn why(&self, client_id: &str) -> Vec<String> {
        self.server.app.write_client_findings().await.unwrap();
        let path = format!("/v1/admin/clients/{client_id}/why");
        let report = self.server.get_as(&path, &self.root.access).await.is(200).json();
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn key() -> SigningKey {
    SigningKey::generate(SigningAlg::Es256).unwrap().key
}

pub fn keys(key: &SigningKey) -> Value {
    let mut jwk = json!(key.public);
    jwk["kid"] = json!("k1");
    json!({"keys": [jwk]})
}

pub fn header() -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": "k1", "x5t": "thumbprint"})
}
