//! The libraries people use: each logs a person in, looks, refreshes and logs out against a real
//! server, knowing nothing but the issuer and a client, and does all the checking itself.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::packages::{copy_of, have, npm_ci, run, venv};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

const API: &str = "https://api.example.com";
const REDIRECT_URI: &str = "https://app.example.com/cb";
const CHROMIUM: &str = "/usr/bin/chromium";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server with a client of every kind, and what the libraries are told: a free port for an
/// application among it.
async fn prepared() -> (Server, Value) {
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": API, "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (jwk, public) = key();
    let mut clients = json!({});
    for (name, client) in [
        ("spa", json!({"type": "spa"})),
        ("web", json!({"type": "web"})),
        ("post", json!({"type": "web", "token_endpoint_auth_method": "client_secret_post"})),
        (
            "jwt",
            json!({"type": "web", "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [public]}}),
        ),
        ("device", json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]})),
        ("service", json!({"type": "service"})),
        (
            "tabs",
            json!({"type": "spa", "redirect_uris": [format!("http://localhost:{port}/callback")],
                "post_logout_redirect_uris": [format!("http://localhost:{port}/")]}),
        ),
    ] {
        clients[name] = registered(&server, &root, name, client).await;
    }
    clients["jwt"]["jwk"] = jwk;
    let told = json!({
        "issuer": server.base, "login": "ada", "password": PASSWORD, "clients": clients,
        "api": API, "redirectUri": REDIRECT_URI, "port": port,
    });
    (server, told)
}

async fn registered(server: &Server, root: &Tokens, name: &str, mut client: Value) -> Value {
    client["name"] = json!(name);
    client["audiences"] = json!([API]);
    if name != "service" && name != "device" && name != "tabs" {
        client["redirect_uris"] = json!([REDIRECT_URI]);
        client["post_logout_redirect_uris"] = json!([REDIRECT_URI]);
    }
    server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await.is(201).json()
}

/// A key for client assertions, private and public.
fn key() -> (Value, Value) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let made = SigningKey::generate(SigningAlg::Es256).unwrap();
    let mut public = json!(made.key.public);
    public["kid"] = json!("one");
    let mut private = public.clone();
    // The private number of a P-256 key in PKCS#8 follows a fixed head (RFC 5958, RFC 5915).
    let at = made.pkcs8.windows(4).position(|bytes| bytes == [0x02, 0x01, 0x01, 0x04]).unwrap() + 5;
    private["d"] = json!(URL_SAFE_NO_PAD.encode(&made.pkcs8[at..at + 32]));
    (private, public)
}

async fn succeeds(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
}

async fn node(script: &str) {
    let Some(node) = have("node", "node") else { return };
    let folder = copy_of("tests/clients/node");
    if !npm_ci(&folder) {
        return require::missing("node", "the packages of tests/clients/node cannot be installed");
    }
    let (_server, told) = prepared().await;
    let mut command = Command::new(node);
    command.arg(script).env("SIGNET", told.to_string()).current_dir(&folder);
    succeeds(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client() {
    node("openid-client.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi() {
    node("oauth4webapi.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oidc_client_ts_in_chromium() {
    if !Path::new(CHROMIUM).exists() {
        return require::missing("chromium", &format!("there is no {CHROMIUM}"));
    }
    node("oidc-client-ts.mjs").await;
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
    let (_server, told) = prepared().await;
    let mut command = Command::new(folder.join(".venv/bin/python"));
    command.arg("authlib_client.py").env("SIGNET", told.to_string()).current_dir(&folder);
    succeeds(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openidconnect() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/rust/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client-rust");
    let built = run(Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target));
    assert!(built, "tests/clients/rust does not build");
    let (server, told) = prepared().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let web = &told["clients"]["web"];
    let mut command = Command::new(target.join("debug/signet-client-test"));
    command.args([&server.base, &text(&web["client_id"]), &text(&web["client_secret"])]);
    command.args([REDIRECT_URI, "ada", PASSWORD]);
    succeeds(command).await;
}
