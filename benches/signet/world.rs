//! The objects of the measurements: an API, clients, users, sessions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::client::BUILT_IN;

use crate::process::{ADMIN, PASSWORD, Process, Site};
use crate::seed::{self, API, Seeded, Size};

pub const REDIRECT_URI: &str = "https://app.example.com/cb";
pub const VERIFIER: &str = "bench-verifier-bench-verifier-bench-verifier";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The created objects.
pub struct World {
    /// A client that authenticates, acts for itself and implements the API.
    pub service: (String, String),
    /// A public client for users.
    pub spa: String,
    /// Users and sessions.
    pub seeded: Seeded,
}

impl World {
    /// The `Authorization` header of the service.
    pub fn basic(&self) -> String {
        let (id, secret) = &self.service;
        format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
    }
}

/// Creates the objects at a new site: a server creates the database and the clients; users and sessions are
/// written while it is stopped.
pub async fn make(site: &Site, size: Size) -> Result<World> {
    let server = site.start()?;
    let http = Http::to(&server);
    let said = http
        .json(
            Method::POST,
            "/v1/login",
            None,
            &json!({"login": ADMIN, "password": PASSWORD, "scope": "signet:admin"}),
        )
        .await?;
    let root = text(&said, "access_token")?;
    let api = json!({"identifier": API, "scopes": ["read", "write"]});
    http.json(Method::POST, "/v1/admin/apis", Some(&root), &api).await?;
    let service = json!({"name": "Service", "type": "service", "audiences": [API],
        "scopes": ["read"], "serves": [API]});
    let service = http.json(Method::POST, "/v1/admin/clients", Some(&root), &service).await?;
    let spa = json!({"name": "App", "type": "spa", "redirect_uris": [REDIRECT_URI]});
    let spa = http.json(Method::POST, "/v1/admin/clients", Some(&root), &spa).await?;
    let service = (text(&service, "client_id")?, text(&service, "client_secret")?);
    let spa = text(&spa, "client_id")?;
    server.stop()?;
    let seeded = seed::seed(site, size, if size.is_searched { &spa } else { BUILT_IN }).await?;
    Ok(World { service, spa, seeded })
}

/// A required member.
pub fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {value}").into())
}

/// A client for requests that are not measured.
pub struct Http {
    client: reqwest::Client,
    base: String,
}

impl Http {
    /// A client of this server.
    pub fn to(server: &Process) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap_or_default();
        Self { client, base: format!("http://{}", server.address) }
    }

    /// Sends JSON, or no body if it is null; expects success, and returns the JSON of the response, if any.
    pub async fn json(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !body.is_null() {
            request = request.json(body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let status = response.status();
        let said = response.text().await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {said}").into());
        }
        if said.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&said)?)
    }

    /// A request of a browser with these cookies; returns the response with the new cookies.
    pub async fn browse(
        &self,
        path: &str,
        cookies: &str,
        form: Option<String>,
    ) -> Result<(reqwest::Response, String)> {
        let url = format!("{}{path}", self.base);
        let request = match form {
            None => self.client.get(url),
            Some(form) => self
                .client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form),
        };
        let response = request.header("cookie", cookies).send().await?;
        let mut all: Vec<String> = cookies.split("; ").map(str::to_owned).collect();
        for set in response.headers().get_all("set-cookie") {
            let pair = set.to_str()?.split(';').next().unwrap_or_default();
            let name = pair.split('=').next();
            all.retain(|kept| !kept.is_empty() && kept.split('=').next() != name);
            all.push(pair.to_owned());
        }
        Ok((response, all.join("; ")))
    }
}
