//! A server whose issuer has a path, reached directly or through a proxy.

use reqwest::Method;
use serde_json::Value;

use crate::support::relying_party::Site;
use crate::support::server::{Answer, Options};
use crate::support::{Backend, Server};

/// The issuer of the tests; the server itself does not listen there.
pub const ISSUER: &str = "https://id.example.com/auth";
pub const PATH: &str = "/auth";

/// The address of the server for browsers and clients, and the target of requests.
pub struct Below {
    reached: String,
    client: reqwest::Client,
}

impl Below {
    /// The server or proxy at `reached`, which answers everything below the path of [`ISSUER`].
    pub fn at(reached: &str) -> Self {
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { reached: reached.to_owned(), client }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }
}

impl Site for Below {
    fn base(&self) -> &str {
        ISSUER
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.reached))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}

/// A server with that issuer, and the requests as a proxy would forward them.
pub async fn start(backend: Backend, stripped: bool) -> (Server, Below) {
    let server = options(backend, stripped).start().await;
    let below = Below::at(&served(&server, stripped, ""));
    (server, below)
}

pub fn options(backend: Backend, stripped: bool) -> Options {
    Options::on(backend)
        .with("SIGNET_ISSUER", ISSUER)
        .with("SIGNET_PROXY_STRIPS_PATH", &stripped.to_string())
}

/// The address at which the process itself answers `path`.
pub fn served(server: &Server, stripped: bool, path: &str) -> String {
    let prefix = if stripped { "" } else { PATH };
    server.url(&format!("{prefix}{path}"))
}
