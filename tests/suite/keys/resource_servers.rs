//! Every example resource server, configured with the issuer's URL only, accepts Signet's tokens and refuses
//! forged ones.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwk::PublicJwk;
use signet::crypto::jwt::{Signer, SigningKey};
use signet::domain::claims::TokenType;
use signet::store::keys;

use crate::hostile::rust::built;
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server};

const AUDIENCE: &str = "https://api.example.com";

/// A token, its description, and whether a resource server must accept it.
struct Case {
    what: &'static str,
    authorization: Option<String>,
    good: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_with_actix_web() {
    prove(Command::new(built("rust-actix"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_with_axum() {
    prove(Command::new(built("rust-axum"))).await;
}

/// Runs one example against Signet with every token.
async fn prove(mut command: Command) {
    for alg in ["ES256", "RS256"] {
        let server =
            Options::on(Backend::Sqlite).real_clock().with("SIGNET_SIGNING_ALG", alg).start().await;
        let cases = cases(&server, alg).await;
        let resource_server = Running::start(&mut command, &server.base);
        let client = reqwest::Client::new();
        for Case { what, authorization, good } in cases {
            let mut request = client.get(format!("{}/orders", resource_server.base));
            if let Some(value) = &authorization {
                request = request.header("authorization", value);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let challenge = answer.headers().get("www-authenticate");
            let challenge = challenge.map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
            if good {
                assert_eq!(status, 200, "{alg}: {what}");
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["scope"], "orders:read", "{alg}: {what}");
                continue;
            }
            assert_eq!(status, 401, "{alg}: {what}");
            assert!(challenge.starts_with("Bearer"), "{alg}: {what}: {challenge:?}");
            let says_why = challenge.contains("invalid_token");
            assert_eq!(says_why, authorization.is_some(), "{alg}: {what}: {challenge:?}");
        }
    }
}

async fn cases(server: &Server, alg: &str) -> Vec<Case> {
    let root = server.administrator("root").await;
    let api = json!({"identifier": AUDIENCE, "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api.clone()).await.is(201);
    let second = json!({"identifier": "https://other.example.com", "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, second).await.is(201);
    let body = |audience: &str| {
        json!({
            "login": "root", "password": PASSWORD, "audience": audience, "scope": "orders:read",
        })
    };
    let good = Tokens::of(&server.post("/v1/login", body(AUDIENCE)).await);
    let elsewhere = Tokens::of(&server.post("/v1/login", body("https://other.example.com")).await);

    // A genuine issuer that is not trusted.
    let stranger =
        Options::on(Backend::Sqlite).real_clock().with("SIGNET_SIGNING_ALG", alg).start().await;
    let other_root = stranger.administrator("root").await;
    stranger.call_as(Method::POST, "/v1/admin/apis", &other_root.access, api).await.is(201);
    let other_issuer = Tokens::of(&stranger.post("/v1/login", body(AUDIENCE)).await);

    // The server's own key, for tokens that the server would not issue.
    let keys = keys::signing_keys(&mut server.app.db.reader().await.unwrap()).await.unwrap();
    let stored = keys.into_iter().find(|key| key.facts.alg.as_str() == alg).unwrap();
    let purpose = format!("signing-key/v1/{alg}/{}", stored.facts.kid);
    let pkcs8 = server.app.seal.open(&purpose, &stored.sealed).unwrap();
    let public: PublicJwk = serde_json::from_str(&stored.public_jwk).unwrap();
    let ours = |typ: TokenType, change: &dyn Fn(&mut Value)| {
        let key = SigningKey::parse(stored.facts.alg, &pkcs8).unwrap();
        let mut claims = good.claims();
        change(&mut claims);
        Signer::new(key).sign(typ, &claims).unwrap()
    };
    let now = server.now().secs();
    let expired = ours(TokenType::AtJwt, &|claims| claims["exp"] = json!(now - 60));
    let id_token = ours(TokenType::Jwt, &|claims| claims["aud"] = json!("signet"));

    let parts: Vec<&str> = good.access.split('.').collect();
    let mut changed = good.claims();
    changed["sub"] = json!("00000000-0000-7000-8000-000000000000");
    let changed = URL_SAFE_NO_PAD.encode(changed.to_string());
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "at+jwt"}).to_string());
    let unknown_kid = URL_SAFE_NO_PAD
        .encode(json!({"alg": alg, "kid": "nobody-knows-this-key", "typ": "at+jwt"}).to_string());
    let jwk = serde_json::to_string(&public).unwrap();

    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let bad = |what, authorization| Case { what, authorization, good: false };
    let mut cases = vec![
        Case { what: "a good token", authorization: bearer(&good.access), good: true },
        bad("no token", None),
        bad("an expired token", bearer(&expired)),
        bad("a token for another audience", bearer(&elsewhere.access)),
        bad("a token for the issuer itself", bearer(&root.access)),
        bad("another issuer's token", bearer(&other_issuer.access)),
        bad("a changed payload", bearer(&format!("{}.{changed}.{}", parts[0], parts[2]))),
        bad("alg none", bearer(&format!("{none}.{}.", parts[1]))),
        bad("alg none with a signature", bearer(&format!("{none}.{}.{}", parts[1], parts[2]))),
        bad("an unknown kid", bearer(&format!("{unknown_kid}.{}.{}", parts[1], parts[2]))),
        bad("an ID token", bearer(&id_token)),
        bad("a refresh token", bearer(&good.refresh)),
    ];
    for (what, secret) in [
        ("HS256 keyed with our public JWK", jwk.as_bytes().to_vec()),
        ("HS256 keyed with our public PEM", pem(&public).into_bytes()),
        ("HS256 keyed with our public DER", spki(&public)),
    ] {
        cases.push(bad(what, bearer(&hs256(&stored.facts.kid, parts[1], &secret))));
    }
    cases.push(Case {
        what: "the good one again",
        authorization: bearer(&good.access),
        good: true,
    });
    cases
}

/// The attack of using a public key as a shared secret.
fn hs256(kid: &str, payload: &str, secret: &[u8]) -> String {
    let header = json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}).to_string();
    let message = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1): a fixed prefix before the key.
fn spki(public: &PublicJwk) -> Vec<u8> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    match public {
        PublicJwk::Ec { x, y, .. } => {
            let prefix = [
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
            ];
            [&prefix[..], &bytes(x), &bytes(y)].concat()
        }
        PublicJwk::Rsa { n, .. } => {
            // A 2048-bit modulus and the exponent 65537.
            let prefix = [
                0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
                0x02, 0x82, 0x01, 0x01, 0x00,
            ];
            [&prefix[..], &bytes(n), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat()
        }
        PublicJwk::Okp { .. } => panic!("no example takes EdDSA"),
    }
}

fn pem(public: &PublicJwk) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(spki(public));
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// A resource server that runs until it is dropped.
struct Running {
    child: Child,
    base: String,
}

impl Running {
    fn start(command: &mut Command, issuer: &str) -> Self {
        let mut child = command
            .env("ISSUER", issuer)
            .env("AUDIENCE", AUDIENCE)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = loop {
            let line = lines.next().expect("the example ended before it listened").unwrap();
            if let Some(base) = line.strip_prefix("listening on ") {
                break base.trim().to_owned();
            }
        };
        // Drains the pipe for as long as the example runs.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
