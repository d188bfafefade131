//! Managing clients over HTTP: valid metadata, unique ids, and secrets.

mod credentials;
mod lifecycle;
mod logo;
mod metadata;
mod names;
mod policies;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::digest::token_hash;

use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

const CLIENTS: &str = "/v1/admin/clients";
const API: &str = "https://api.example.com";

/// A server, its administrator, and one API.
struct Place {
    server: Server,
    root: Tokens,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let place = Self { server, root };
        place.api(API).await.is(201);
        place
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    async fn api(&self, identifier: &str) -> Answer {
        let body = json!({"identifier": identifier, "scopes": ["read"]});
        self.call(Method::POST, "/v1/admin/apis", body).await
    }

    async fn create(&self, body: Value) -> Answer {
        self.call(Method::POST, CLIENTS, body).await
    }

    async fn patch(&self, id: &str, body: Value) -> Answer {
        self.call(Method::PATCH, &path(id), body).await
    }

    async fn show(&self, id: &str) -> Value {
        self.server.get_as(&path(id), &self.root.access).await.is(200).json()
    }

    async fn rotate(&self, id: &str, body: Value) -> Answer {
        self.call(Method::POST, &format!("{}/rotate-secret", path(id)), body).await
    }

    /// A web client with everything it must have.
    async fn shop(&self) -> Answer {
        let made = self.create(web(json!({"client_id": "shop"}))).await;
        made.is(201);
        made
    }

    /// A web client as an older version registered it, whose id may contain a colon. Returns its secret.
    async fn old_client(&self, id: &str) -> String {
        crate::support::clients::old_client(&self.server, id).await
    }

    /// Whether `secret` authenticates the client.
    fn is_live(&self, id: &str, secret: &str) -> bool {
        let client = self.server.app.client(id).unwrap();
        client.secrets.iter().any(|live| live.hash == *token_hash(secret).digest())
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        self.server.events(&self.root, kind).await
    }
}

fn path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{CLIENTS}/{id}")
}

/// A valid web client, with the members of `other` added or replaced.
fn web(other: Value) -> Value {
    let mut body = json!({"name": "Shop", "type": "web",
        "redirect_uris": ["https://shop.example.com/callback"]});
    body.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    body
}

/// The invalid members with their codes.
#[track_caller]
fn faults(answer: &Answer) -> Vec<(String, String)> {
    answer.is_problem(422, "validation_failed");
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| (text(error, "field"), text(error, "code"))).collect()
}
