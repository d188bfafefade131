//! Third-party client libraries: each has only the issuer's URL and its own credentials, discovers the rest,
//! takes a user through the complete flow and makes all the checks of its author.

use std::path::Path;
use std::process::Command;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::packages::{copy_of, have, run, venv};
use crate::support::ports::free_port;
use crate::support::scripts::{Browser, output, script};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

const API: &str = "https://api.example.com";
const LOGIN: &str = "ada@example.com";

/// A server with everything the clients need, on the machine's clock, because they have no other.
struct Place {
    server: Server,
    root: Tokens,
    scenario: Map<String, Value>,
}

impl Place {
    async fn new() -> Self {
        // A busy machine may be slow between two tabs that refresh with the same token.
        let server = Options::on(Backend::Sqlite).real_clock();
        let server = server.with("SIGNET_ACCESS_TOKEN_TTL", "10m");
        let server = server.with("SIGNET_REFRESH_RETRY_WINDOW", "5m").start().await;
        let root = server.administrator("root").await;
        let sub = server.register(LOGIN).await;
        let (path, verified) =
            (format!("/v1/admin/users/{sub}"), json!({"email": LOGIN, "email_verified": true}));
        server.call_as(Method::PATCH, &path, &root.access, verified).await.is(200);
        // Only the page of the one test with a browser listens there.
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        let scenario = json!({
            "issuer": server.base, "login": LOGIN, "password": PASSWORD, "sub": sub, "api": API,
            "callback": format!("{origin}/callback"), "goodbye": format!("{origin}/goodbye"),
            "port": port, "clients": {},
        });
        let Value::Object(scenario) = scenario else { panic!("not an object") };
        let place = Self { server, root, scenario };
        let api = json!({"identifier": API, "scopes": ["orders:read"]});
        place.create("/v1/admin/apis", api).await;
        place
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        let answer = self.server.call_as(Method::POST, path, &self.root.access, body).await;
        answer.is(201).json()
    }

    /// Registers a client with users, which scripts know as `name`.
    async fn client(mut self, name: &str, kind: &str, more: Value) -> Self {
        let mut body = json!({
            "name": format!("The client {name}"), "type": kind, "audiences": [API],
        });
        let fields = body.as_object_mut().unwrap();
        if kind != "service" {
            fields.insert("redirect_uris".into(), json!([self.scenario["callback"]]));
            fields.insert("post_logout_redirect_uris".into(), json!([self.scenario["goodbye"]]));
        }
        fields.extend(more.as_object().unwrap().clone());
        let made = self.create("/v1/admin/clients", body).await;
        self.scenario["clients"][name] = json!({
            "client_id": made["client_id"], "client_secret": made["client_secret"],
        });
        self
    }

    /// The same with a key instead of a secret; the script gets the private half.
    async fn client_with_key(self, name: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": x, "y": y});
        let more = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [jwk]},
        });
        let mut place = self.client(name, "web", more).await;
        let pkcs8 = key.to_pkcs8v1().unwrap();
        place.scenario["clients"][name]["pkcs8"] = STANDARD.encode(pkcs8.as_ref()).into();
        place
    }

    /// Runs a script with the scenario as its argument; its output is the failure.
    async fn run(&self, mut command: Command) {
        let file = self.server.dir.path().join("scenario.json");
        std::fs::write(&file, Value::Object(self.scenario.clone()).to_string()).unwrap();
        command.arg(&file);
        output(command).await;
    }
}

/// A script of `tests/clients/node`; `None`, reported, if it cannot run.
fn node(name: &str) -> Option<Command> {
    script("tests/clients/node", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client() {
    let Some(script) = node("openid-client.mjs") else { return };
    let device =
        json!({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]});
    let place = Place::new().await;
    let place = place.client("public", "spa", json!({})).await;
    let place = place.client("refused", "spa", json!({})).await;
    let place = place.client("basic", "web", json!({"serves": [API]})).await;
    let post = json!({"token_endpoint_auth_method": "client_secret_post"});
    let place = place.client("post", "web", post).await;
    let place = place.client_with_key("key").await;
    let place = place.client("device", "native", device).await;
    let place = place.client("service", "service", json!({})).await;
    place.run(script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi() {
    let Some(script) = node("oauth4webapi.mjs") else { return };
    let place = Place::new().await;
    let place = place.client("public", "spa", json!({"skip_consent": true})).await;
    let place = place.client("basic", "web", json!({"serves": [API]})).await;
    place.run(script).await;
}

/// In Chromium, with scripts of another origin: CORS, policies, several tabs at once.
#[tokio::test(flavor = "multi_thread")]
async fn oidc_client_ts_in_chromium() {
    if !Browser::Chromium.is_there() {
        return;
    }
    let Some(script) = node("oidc-client-ts.mjs") else { return };
    let place = Place::new().await.client("public", "spa", json!({})).await;
    place.run(script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib() {
    if have("python3", "python").is_none() {
        return;
    }
    let folder = copy_of("tests/clients/python");
    if !venv(&folder) {
        return require::missing(
            "python",
            "the packages of tests/clients/python cannot be installed",
        );
    }
    let mut script = Command::new(folder.join(".venv/bin/python"));
    script.arg("authlib_client.py").current_dir(&folder);
    let place = Place::new().await.client("public", "spa", json!({})).await;
    let place = place.client("basic", "web", json!({})).await;
    let post = json!({"token_endpoint_auth_method": "client_secret_post"});
    let place = place.client("post", "web", post).await;
    place.run(script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openidconnect() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/rust/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client-rust");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(&target);
    let built = tokio::task::spawn_blocking(move || run(&mut cargo)).await.unwrap();
    assert!(built, "the client in tests/clients/rust does not build");
    let place = Place::new().await.client("public", "spa", json!({})).await;
    let place = place.client("basic", "web", json!({})).await;
    let post = json!({"token_endpoint_auth_method": "client_secret_post"});
    let place = place.client("post", "web", post).await;
    place.run(Command::new(target.join("debug/signet-test-client"))).await;
}
