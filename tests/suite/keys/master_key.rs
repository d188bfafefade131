//! The master key: replaced under load, interrupted at any moment, wrong ones refused.

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use rustix::process::Signal;
use serde_json::{Value, json};
use signet::admin::master_key::{self, Rewrapped};
use signet::crypto::jwt::{Signer, SigningKey};
use signet::domain::claims::TokenType;
use signet::domain::request_info::RequestInfo;
use signet::domain::signing_key::SigningAlg;

use crate::support::process::{Caller, Launch, until};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Server, on_both};

fn key(byte: u8) -> String {
    URL_SAFE_NO_PAD.encode([byte; 32])
}

async fn rewrap(server: &Server) -> Rewrapped {
    let work = master_key::rewrap(server.app.clone(), RequestInfo::cli(server.now()));
    server.app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}"))
}

/// Every stage of the replacement, on both databases: tokens and sessions stay valid.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_keeps_every_session_and_key() {
    on_both("rewrapping", async |backend| {
        let first = Options::on(backend).with("SIGNET_MASTER_KEY", &key(1)).start().await;
        first.register("ada").await;
        let tokens = first.login("ada").await;
        let jwks = first.get("/.well-known/jwks.json").await.text;
        let (url, dir, base) =
            (first.database_url.clone(), Arc::clone(&first.dir), first.base.clone());
        drop(first);
        let start = async |new: &str, old: Option<&str>| {
            let mut options =
                Options::on(backend).with("SIGNET_MASTER_KEY", new).with("SIGNET_ISSUER", &base);
            if let Some(old) = old {
                options = options.with("SIGNET_MASTER_KEY_OLD", old);
            }
            if let Some(url) = &url {
                options = options.on_database(url);
            }
            options.start_in(Arc::clone(&dir)).await
        };
        // With both keys it opens data that is sealed under the old one, and seals new keys under the old one.
        let both = start(&key(2), Some(&key(1))).await;
        assert_eq!(both.get("/.well-known/jwks.json").await.text, jwks);
        let tokens = Tokens::of(&both.refresh(&tokens.refresh).await);
        let admin = both.administrator("root").await;
        // The shared secret of an API is sealed as well.
        let api = json!({"identifier": "urn:shared", "signing_alg": "HS256"});
        let api = both.call_as(reqwest::Method::POST, "/v1/admin/apis", &admin.access, api).await;
        let secret = api.is(201).string("shared_secret");
        let rotate = json!({"now": true});
        both.call_as(reqwest::Method::POST, "/v1/admin/keys/rotate", &admin.access, rotate.clone())
            .await
            .is(200);
        assert_eq!(rewrap(&both).await, Rewrapped::Done);
        assert_eq!(rewrap(&both).await, Rewrapped::Already);
        // The same process continues, and seals new keys under the new one.
        both.get_as("/v1/me", &tokens.access).await.is(200);
        both.call_as(reqwest::Method::POST, "/v1/admin/keys/rotate", &admin.access, rotate)
            .await
            .is(200);
        let jwks = both.get("/.well-known/jwks.json").await.text;
        drop(both);
        // The old one is no longer needed, and opens nothing.
        let after = start(&key(2), None).await;
        let login = json!({"login": "ada", "password": PASSWORD, "audience": "urn:shared"});
        let shared = Tokens::of(&after.post("/v1/login", login).await);
        let (message, tag) = shared.access.rsplit_once('.').unwrap();
        let mac = aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            &URL_SAFE_NO_PAD.decode(&secret).unwrap(),
        );
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        aws_lc_rs::hmac::verify(&mac, message.as_bytes(), &tag).unwrap();
        assert_eq!(after.get("/.well-known/jwks.json").await.text, jwks);
        after.get_as("/v1/me", &tokens.access).await.is(200);
        after.refresh(&tokens.refresh).await.is(200);
        assert_eq!(after.events(&admin, "master_key.replaced").await.len(), 1);
        let work = master_key::rewrap(after.app.clone(), RequestInfo::cli(after.now()));
        assert!(after.app.run_to_completion(work).await.is_err());
    })
    .await;
}

/// A server without the new key continues with the loaded data, and creates no keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_the_new_key_serves_and_seals_nothing() {
    on_both("rewrapping behind a server", async |backend| {
        let server = Options::on(backend).with("SIGNET_MASTER_KEY", &key(1)).start().await;
        server.register("ada").await;
        let admin = server.administrator("root").await;
        let tokens = server.login("ada").await;
        // As the command line does it, in another process.
        let mut options = Options::on(backend)
            .with("SIGNET_MASTER_KEY", &key(2))
            .with("SIGNET_MASTER_KEY_OLD", &key(1))
            .with("SIGNET_ISSUER", &server.base);
        if let Some(url) = &server.database_url {
            options = options.on_database(url);
            let other = options.start().await;
            assert_eq!(rewrap(&other).await, Rewrapped::Done);
        } else {
            let data = server.dir.path().join("data");
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_signet"));
            let output = command
                .env_clear()
                .env("SIGNET_DATA_DIR", &data)
                .env("SIGNET_MASTER_KEY", key(2))
                .env("SIGNET_MASTER_KEY_OLD", key(1))
                .args(["key", "rewrap"])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let tokens = Tokens::of(&server.refresh(&tokens.refresh).await);
        server.get_as("/v1/me", &tokens.access).await.is(200);
        server.login("ada").await;
        let rotate = json!({"now": true});
        let method = reqwest::Method::POST;
        let path = "/v1/admin/keys/rotate";
        let refused = server.call_as(method, path, &admin.access, rotate).await;
        refused.is_problem(503, "unavailable");
        // An API that is registered meanwhile is known.
        let api = json!({"identifier": "https://late.example.com"});
        let method = reqwest::Method::POST;
        server.call_as(method, "/v1/admin/apis", &admin.access, api).await.is(201);
        let body =
            json!({"login": "ada", "password": PASSWORD, "audience": "https://late.example.com"});
        server.post("/v1/login", body).await.is(200);
    })
    .await;
}

/// Verifies a token with nothing but the published keys.
fn verify(set: Value, token: &str, audience: &str) -> jsonwebtoken::errors::Result<Value> {
    let set: JwkSet = serde_json::from_value(set)?;
    let header = jsonwebtoken::decode_header(token)?;
    let jwk = header.kid.and_then(|kid| set.find(&kid)).ok_or(ErrorKind::InvalidToken)?;
    let mut rules = Validation::new(header.alg);
    rules.set_audience(&[audience]);
    Ok(jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk)?, &rules)?.claims)
}

/// A client that refreshes, and has its tokens checked by Signet and with the published keys, until it is
/// stopped. Returns the number of valid tokens.
async fn work(caller: Caller, mut token: String, stop: Arc<AtomicBool>, good: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        let body = json!({"refresh_token": token});
        let answer = caller.post("/v1/refresh", &body).await;
        token = answer.is(200).string("refresh_token");
        let access = answer.string("access_token");
        let set = caller.get("/.well-known/jwks.json").await.is(200).json();
        verify(set, &access, "http://localhost:8484").unwrap();
        caller.get_as("/v1/me", &access).await.is(200);
        good.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ROTATE: &[&str] = &["key", "rotate", "--now", "--yes"];

/// A server whose database is sealed under the first master key, to be started with the second.
async fn with_a_new_master_key(launch: Launch) -> Launch {
    drop(launch.clone().with("SIGNET_MASTER_KEY", &key(1)).start().await);
    launch.with("SIGNET_MASTER_KEY", &key(2)).with("SIGNET_MASTER_KEY_OLD", &key(1))
}

fn quietly(launch: &Launch, args: &[&str]) -> Child {
    launch.command().args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Keys rotate and the master key is replaced while clients work: no request fails. Each command is killed at
/// some moment and run again.
#[tokio::test(flavor = "multi_thread")]
async fn rotating_and_rewrapping_under_load_fail_no_request() {
    let bootstrap = Launch::new()
        .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
        .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
    let launch = with_a_new_master_key(bootstrap).await;
    let mut server = launch.start().await;
    let caller = server.caller();
    let login = json!({"login": "root", "password": PASSWORD});
    let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let tokens = caller.post("/v1/login", &login).await.is(200).string("refresh_token");
        clients.push(tokio::spawn(work(
            caller.clone(),
            tokens,
            Arc::clone(&stop),
            Arc::clone(&good),
        )));
    }
    let run = async |args: &[&str], kill_after: Option<Duration>| {
        let mut child = quietly(&launch, args);
        if let Some(after) = kill_after {
            // Not a synchronization: the kill must come at an arbitrary moment.
            tokio::time::sleep(after).await;
            let _ = child.kill();
        }
        tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap()
    };
    let begun = Instant::now();
    assert_eq!(run(ROTATE, None).await, Some(0));
    let takes = begun.elapsed();
    for round in 0..12 {
        // From the first moment of the command to after its last.
        let after = takes * round / 10;
        run(ROTATE, Some(after)).await;
        run(&["key", "rewrap"], Some(after)).await;
        // After any interruption the next run continues from a consistent state.
        assert_eq!(run(ROTATE, None).await, Some(0));
        assert_eq!(run(&["key", "list"], None).await, Some(0));
    }
    assert_eq!(run(&["key", "rewrap"], None).await, Some(0));
    until("a hundred tokens", async || good.load(Ordering::Relaxed) > 100).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    eprintln!("{good:?} tokens in {:.1} s", begun.elapsed().as_secs_f64());
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    // Sealed under the new key alone.
    let server = launch.clone().without("SIGNET_MASTER_KEY_OLD").start().await;
    server.caller().post("/v1/login", &login).await.is(200);
    drop(server);
    let old = launch.with("SIGNET_MASTER_KEY", &key(1)).without("SIGNET_MASTER_KEY_OLD");
    let refused = old.command().output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("SIGNET_MASTER_KEY_OLD"), "{text}");
}

/// Killed at any moment of rotating and rewrapping, the next start needs no repair.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_its_keys_change_starts_again() {
    let launch = with_a_new_master_key(Launch::new()).await;
    let begun = Instant::now();
    assert!(quietly(&launch, ROTATE).wait().unwrap().success());
    let takes = begun.elapsed();
    for round in 0..10 {
        let mut server = launch.start().await;
        let mut rotate = quietly(&launch, ROTATE);
        let mut rewrap = quietly(&launch, &["key", "rewrap"]);
        tokio::time::sleep(takes * round / 8).await;
        server.kill();
        for child in [&mut rotate, &mut rewrap] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let server = launch.start().await;
        let caller = server.caller();
        let account = json!({"login": format!("user{round}"), "password": PASSWORD});
        caller.post("/v1/register", &account).await.is(201);
        let tokens = caller.post("/v1/login", &account).await;
        caller.get_as("/v1/me", &tokens.is(200).string("access_token")).await.is(200);
    }
}

/// The configured algorithm has its key before the first response.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_default_algorithm_a_key_is_there() {
    on_both("default algorithms", async |backend| {
        for alg in SigningAlg::ALL {
            let server =
                Options::on(backend).with("SIGNET_SIGNING_ALG", alg.as_str()).start().await;
            server.register("ada").await;
            let tokens = server.login("ada").await;
            server.get_as("/v1/me", &tokens.access).await.is(200);
            let jwks = server.get("/.well-known/jwks.json").await.json();
            let keys = jwks["keys"].as_array().unwrap();
            assert_eq!(keys[0]["alg"], alg.as_str());
            let extra = usize::from(!["ES256", "RS256"].contains(&alg.as_str()));
            let admin = server.administrator("root").await;
            let begun = server.events(&admin, "key.activated").await;
            let begun: Vec<&Value> = begun.iter().map(|event| &event["detail"]).collect();
            assert_eq!(begun, vec![&keys[0]["kid"]; extra]);
            assert_eq!(keys.len(), 2 + extra);
            // One popular verifier reads its allowed algorithms from here.
            let discovery = server.get("/.well-known/openid-configuration").await.json();
            let listed = discovery["id_token_signing_alg_values_supported"].as_array().unwrap();
            assert_eq!(listed[0], "RS256");
            assert_eq!(listed.len(), 2 + extra);
            assert!(listed.contains(&json!(alg.as_str())));
        }
    })
    .await;
}

/// A private key in PEM, as exported from another server.
fn pem(pkcs8: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(pkcs8);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// A migration to Signet: tokens of the previous server stay valid at every verifier, and the imported key
/// may sign new ones.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_key_keeps_old_tokens_valid() {
    let launch = Launch::new()
        .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
        .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
    let server = launch.start().await;
    let caller = server.caller();
    let login = json!({"login": "root", "password": PASSWORD});
    let jwks = async || caller.get("/.well-known/jwks.json").await.is(200).json();
    let run = |args: &[&str]| launch.command().args(args).output().unwrap();
    let import = |name: &str, text: &str, more: &[&str]| {
        let file = launch.dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        run(&[&["key", "import", file.to_str().unwrap()], more].concat())
    };
    for alg in SigningAlg::ALL {
        let made = SigningKey::generate(*alg).unwrap();
        let (name, kid) = (format!("{alg}.pem"), format!("-old {alg}").replace(' ', "/"));
        let more = ["--alg", alg.as_str(), &format!("--kid={kid}"), "--for", "2h"];
        let output = import(&name, &pem(&made.pkcs8), &more);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let taken: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&taken["kid"], &taken["state"]), (&json!(kid), &json!("retiring")));
        until("the key is published", async || {
            let set = jwks().await;
            set["keys"].as_array().unwrap().iter().any(|key| key["kid"] == *kid)
        })
        .await;
        // A token of the previous server is valid for a verifier that reads the set.
        let claims = json!({"iss": "http://localhost:8484", "aud": "https://api.example.com",
            "sub": "1", "exp": 4_000_000_000_i64, "iat": 1_700_000_000});
        let token = Signer::new(made.key.named(kid.clone())).sign(TokenType::Jwt, &claims).unwrap();
        verify(jwks().await, &token, "https://api.example.com").unwrap();
        // Signet's own endpoints refuse it.
        caller.get_as("/v1/me", &token).await.is_problem(401, "invalid_token");
        // A second import is a conflict; an algorithm that does not fit the key is refused.
        let again = import(&name, &pem(&made.pkcs8), &more);
        assert_eq!(again.status.code(), Some(5));
    }

    let made = SigningKey::generate(SigningAlg::Es256).unwrap();
    let output = import("sign.pem", &pem(&made.pkcs8), &["--sign"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    until("it signs", async || {
        let tokens = caller.post("/v1/login", &login).await.is(200).string("access_token");
        let header = jsonwebtoken::decode_header(&tokens).unwrap();
        caller.get_as("/v1/me", &tokens).await.is(200);
        header.kid == Some(made.key.kid.clone())
    })
    .await;
    // One key has one algorithm, under any `kid`.
    let rsa = pem(&SigningKey::generate(SigningAlg::Rs256).unwrap().pkcs8);
    let one = import("rsa.pem", &rsa, &["--alg", "RS256", "--kid", "one"]);
    assert_eq!(one.status.code(), Some(0), "{}", String::from_utf8_lossy(&one.stderr));
    let two = import("rsa.pem", &rsa, &["--alg", "PS256", "--kid", "two"]);
    assert_eq!(two.status.code(), Some(5), "{}", String::from_utf8_lossy(&two.stderr));
    assert!(String::from_utf8_lossy(&two.stderr).contains("another algorithm"));
    let unused = SigningKey::generate(SigningAlg::Es384).unwrap();
    let refused = import("unused.pem", &pem(&unused.pkcs8), &["--sign"]);
    assert_eq!(refused.status.code(), Some(5), "{}", String::from_utf8_lossy(&refused.stderr));
    for (name, text) in
        [("empty.pem", ""), ("not.pem", "hello"), ("cut.pem", &pem(&made.pkcs8[..40]))]
    {
        let output = import(name, text, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name), "{said}");
    }
    assert_eq!(run(&["key", "import", "nowhere.pem"]).status.code(), Some(2));
    let audit = run(&["key", "list"]);
    assert!(!String::from_utf8_lossy(&audit.stdout).contains("PRIVATE"));
}
