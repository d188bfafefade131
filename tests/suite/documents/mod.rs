//! Client ID metadata documents: fetching them from hosts that unauthenticated callers name, and the clients that
//! they describe.

mod administration;
mod consent;
mod copies;
mod fetch;
mod loading;
mod mcp;
mod refused;

use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::refusal_reason::Reason;
use signet::http::ui::Locale;

use crate::support::document_host::{Hosts, Reply};
use crate::support::relying_party::App;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

const MCP: &str = "https://mcp.example.com/mcp";
const ID: &str = "https://client.example/oauth/client.json";
const PATH: &str = "/oauth/client.json";
const REDIRECT: &str = "https://client.example/cb";

/// A server that lets clients describe themselves, with an API that accepts them, and their hosts.
struct Place {
    server: Server,
    hosts: Hosts,
}

impl Place {
    /// Starts one on this database that accepts any document. `None`, reported, without openssl.
    async fn on(backend: Backend) -> Option<Self> {
        Self::with(backend, &[("SIGNET_CLIENT_DOCUMENTS", "any")]).await
    }

    async fn with(backend: Backend, settings: &[(&str, &str)]) -> Option<Self> {
        let Some(hosts) = Hosts::start().await else {
            require::missing("openssl", "clients that describe themselves");
            return None;
        };
        let options = Options::on(backend).with("SIGNET_TEST_HOSTS", &hosts.file());
        let options =
            settings.iter().fold(options, |options, (name, value)| options.with(name, value));
        let server = options.start().await;
        server.create_administrator("root").await;
        server.register("ada").await;
        let place = Self { server, hosts };
        let api = json!({"identifier": MCP, "scopes": ["tools", "files"], "documents": true});
        place.admin(Method::POST, "/v1/admin/apis", api).await.is(201);
        Some(place)
    }

    /// A call of an administrator who has just logged in, because tests advance the clock by days.
    async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        let login = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&self.server.post("/v1/login", login).await);
        self.server.call_as(method, path, &root.access, body).await
    }

    /// Sets the response of the client's host.
    fn publish(&self, document: &Value) {
        self.hosts.answer(PATH, Reply::json(document));
    }

    /// The number of fetches of the document.
    fn fetches(&self) -> usize {
        self.hosts
            .requests()
            .iter()
            .filter(|head| head.starts_with(&format!("GET {PATH} ")))
            .count()
    }

    /// The page to which the client with this id sends a user.
    async fn sent_by(&self, client_id: &str) -> Answer {
        self.server.get(&app(client_id).url(&[("resource", MCP), ("scope", "tools")])).await
    }
}

/// A client that describes itself.
fn app(client_id: &str) -> App {
    App { id: client_id.to_owned(), secret: None, redirect_uri: REDIRECT.to_owned() }
}

fn document() -> Value {
    json!({
        "client_id": ID,
        "client_name": "An app",
        "redirect_uris": [REDIRECT, "http://127.0.0.1/cb"],
        "grant_types": ["authorization_code", "refresh_token", "urn:example:other"],
        "token_endpoint_auth_method": "none",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

/// Asserts a page with the reason, and no redirect to the client.
#[track_caller]
fn stays(answer: &Answer, status: u16, reason: Reason) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("location"), "");
    let text = Locale::english().t(&format!("refusal.{reason}"));
    assert!(answer.text.contains(text), "{reason} in {}", answer.text);
}

const UNKNOWN: Reason = Reason::ClientUnknown;
const REFUSED: Reason = Reason::DocumentRefused;
const BUSY: Reason = Reason::DocumentBusy;
