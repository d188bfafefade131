//! Every algorithm and both token profiles of APIs, checked by verifiers with strict rules.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::keys;
use signet::domain::token_rules::TokenAlg;

use crate::support::ports::free_port;
use crate::support::process::until;
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::third_party_verifier::{AUDIENCE, ThirdPartyVerifier};
use crate::support::{Backend, Server, require};

/// A token for the API with its current settings, and the shared secret, if any.
struct Issued {
    token: String,
    secret: Option<String>,
}

/// A server with the API, on the machine's clock, because third-party verifiers have no other.
async fn server() -> (Server, Tokens, String) {
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": AUDIENCE, "scopes": ["orders:read"]});
    let made = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await;
    let path = format!("/v1/admin/apis/{}", made.is(201).string("id"));
    (server, root, path)
}

async fn issue(server: &Server, root: &Tokens, api: &str, rules: Value) -> Issued {
    let changed = server.call_as(Method::PATCH, api, &root.access, rules).await;
    let secret = changed.is(200).json()["shared_secret"].as_str().map(str::to_owned);
    let login = json!({"login": "root", "password": PASSWORD, "audience": AUDIENCE,
        "scope": "orders:read"});
    Issued { token: Tokens::of(&server.post("/v1/login", login).await).access, secret }
}

/// Verifies the token as a Rust service does, with the published set or the shared secret.
async fn rust(server: &Server, issued: &Issued) -> Result<Value, jsonwebtoken::errors::Error> {
    let header = jsonwebtoken::decode_header(&issued.token)?;
    let key = match &issued.secret {
        Some(secret) => {
            jsonwebtoken::DecodingKey::from_secret(&URL_SAFE_NO_PAD.decode(secret).unwrap())
        }
        None => {
            let jwks = server.get("/.well-known/jwks.json").await;
            let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.is(200).text).unwrap();
            jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap())?
        }
    };
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.set_issuer(&[&server.base]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(jsonwebtoken::decode::<Value>(&issued.token, &key, &rules)?.claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_and_profile_verifies_at_its_api() {
    let (server, root, api) = server().await;
    for alg in TokenAlg::all() {
        // Started again, so that no cache has the keys of the previous algorithm.
        let mut strangers: Vec<ThirdPartyVerifier> =
            ThirdPartyVerifier::node("check.mjs", &server.base)
                .into_iter()
                .chain(ThirdPartyVerifier::python("check.py", &server.base))
                .collect();
        for profile in ["rfc9068", "jwt"] {
            let rules = json!({"signing_alg": alg.as_str(), "token_profile": profile,
                "new_secret": alg == TokenAlg::SharedSecret});
            let issued = issue(&server, &root, &api, rules).await;
            let what = format!("{} {profile}", alg.as_str());
            let header = jsonwebtoken::decode_header(&issued.token).unwrap();
            assert_eq!(format!("{:?}", header.alg), alg.as_str(), "{what}");
            rust(&server, &issued).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut said: BTreeMap<String, Value> = BTreeMap::new();
            for stranger in &mut strangers {
                let asked = json!({"token": issued.token, "secret": issued.secret});
                said.extend(stranger.ask::<BTreeMap<String, Value>>(&asked));
            }
            for (rule, answer) in said {
                let good = match rule.as_str() {
                    "typ JWT only" => profile == "jwt",
                    // It requires a type, and a public key.
                    "strict RFC 9068" => profile == "rfc9068" && issued.secret.is_none(),
                    _ => true,
                };
                assert_eq!(answer == true, good, "{what} before {rule}: {answer}");
            }
        }
    }
    // A key that no API uses signs no longer, and is removed from the set when its tokens have expired.
    let rules = json!({"signing_alg": "ES256"});
    server.call_as(Method::PATCH, &api, &root.access, rules).await.is(200);
    signet::jobs::key_rotation::tick(&server.app).await.unwrap();
    let (app, now) = (server.app.clone(), server.now());
    for key in server.app.run_to_completion(keys::list(app, now)).await.unwrap() {
        let base = ["ES256", "RS256"].contains(&key.alg.as_str());
        assert_eq!(key.state.as_str(), if base { "active" } else { "retiring" }, "{}", key.alg);
    }
}

/// HAProxy between a caller and an API, with the key as PEM.
struct Haproxy {
    child: Child,
    base: String,
    _dir: tempfile::TempDir,
}

/// Only the signature of the token decides; the response is its `sub`.
const HAPROXY: &str = r#"defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend api
  bind 127.0.0.1:PORT
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ALG }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"PEM") 1 }
  http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
  http-request return status 200 content-type text/plain lf-string %[var(txn.sub)]
"#;

impl Haproxy {
    fn start(pem: &str, alg: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("signet.pem");
        std::fs::write(&key, pem).unwrap();
        let port = free_port();
        let config = HAPROXY
            .replace("PORT", &port.to_string())
            .replace("ALG", alg)
            .replace("PEM", key.to_str().unwrap());
        let file = dir.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, base: format!("http://127.0.0.1:{port}"), _dir: dir }
    }

    async fn ask(&self, token: &str) -> Option<(u16, String)> {
        let request = reqwest::Client::new().get(&self.base).bearer_auth(token);
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_a_pem_takes_our_tokens() {
    if !Command::new("haproxy").arg("-v").output().is_ok_and(|output| output.status.success()) {
        return require::missing("haproxy", "haproxy is not on the path");
    }
    let (server, root, api) = server().await;
    for alg in ["ES256", "RS256"] {
        let issued = issue(&server, &root, &api, json!({"signing_alg": alg})).await;
        let published = keys::published(&server.app).unwrap();
        let key = published.iter().find(|key| key.alg.as_str() == alg).unwrap();
        let gateway = Haproxy::start(&key.pem, alg);
        until("the gateway listens", async || gateway.ask("x").await.is_some()).await;
        let sub = root.claims()["sub"].as_str().unwrap().to_owned();
        assert_eq!(gateway.ask(&issued.token).await, Some((200, sub)), "{alg}");
        let (message, signature) = issued.token.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        for forged in [format!("{message}.{turned}"), format!("{message}."), root.refresh.clone()] {
            assert_eq!(gateway.ask(&forged).await.unwrap().0, 401, "{alg}: {forged}");
        }
    }
}
