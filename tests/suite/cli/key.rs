//! `signet key`, beside a running server.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Place, members, text};
use crate::support::process::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exported_as_they_are_published() {
    let place = Place::empty();
    let server = place.serve();
    let (_, published) = server.get("/.well-known/jwks.json", "").await;
    let jwks = place.run(&["key", "export"]).ok();
    assert_eq!(jwks.out, format!("{published}\n"));
    let published: Value = serde_json::from_str(&published).unwrap();
    let [first, second] = published["keys"].as_array().unwrap().as_slice() else { panic!("two") };

    let mut listed = place.run(&["key", "list"]).ok().rows();
    listed.sort_by_key(|key| key["default"] != true);
    let expected = ["alg", "created_at", "default", "kid", "next", "since", "state", "verifiers"];
    assert_eq!(members(&listed[0]), expected);
    let names = |key: &Value| (text(key, "kid").to_owned(), text(key, "alg").to_owned());
    assert_eq!(listed.iter().map(names).collect::<Vec<_>>(), [names(first), names(second)]);

    let pem = place.run(&["key", "export", "--format", "pem"]).ok();
    let blocks: Vec<Vec<u8>> = pem
        .out
        .split_terminator("-----END PUBLIC KEY-----\n")
        .map(|block| block.strip_prefix("-----BEGIN PUBLIC KEY-----\n").unwrap().replace('\n', ""))
        .map(|body| STANDARD.decode(body).unwrap())
        .collect();
    let bytes = |key: &Value, member: &str| URL_SAFE_NO_PAD.decode(text(key, member)).unwrap();
    let point = [bytes(first, "x"), bytes(first, "y")].concat();
    assert!(blocks[0].ends_with(&point) && blocks[0].len() == 91);
    let modulus = bytes(second, "n");
    assert!(blocks[1].windows(modulus.len()).any(|window| window == modulus));
    assert_eq!(blocks.len(), 2);
    let rsa = place.run(&["key", "export", "--format", "pem", "--alg", "RS256"]).ok();
    assert!(pem.out.ends_with(&rsa.out) && rsa.out.matches("BEGIN").count() == 1);
    let ec = place.run(&["key", "export", "--alg", "ES256"]).ok().one();
    assert_eq!(ec, json!({ "keys": [first] }));
    assert!(!pem.out.contains("PRIVATE"));
}

/// Beside a running server: scheduled and immediate rotation, and the warnings before.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_retired() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let before = place.run(&["key", "list"]).ok().rows();
    let published = place.run(&["key", "rotate", "--alg", "ES256"]).ok();
    let next = published.one();
    assert_eq!((text(&next, "alg"), text(&next, "state")), ("ES256", "published"));
    assert!(published.err.contains(text(&next, "signs_at")), "{}", published.err);
    // A repeated command returns the same successor.
    assert_eq!(place.run(&["key", "rotate", "--alg", "ES256"]).ok().one(), next);
    place.run(&["key", "retire", text(&next, "kid")]).ok();
    place.run(&["key", "retire", text(&next, "kid")]).refused(5, &["already retired"]);
    place.run(&["key", "retire", "nobody"]).refused(3, &["\"nobody\"", "signet key list"]);

    let active = before.iter().find(|key| text(key, "alg") == "ES256").unwrap();
    place.run(&["key", "retire", text(active, "kid")]).refused(5, &["still valid", "--now"]);
    // Irreversible commands require a confirmation, and first list the affected verifiers.
    for args in
        [vec!["key", "rotate", "--now"], vec!["key", "retire", text(active, "kid"), "--now"]]
    {
        let asked = place.run(&args);
        asked.refused(2, &["--yes", "Envoy", "AWS API Gateway"]);
    }
    let rotated = place.run(&["key", "rotate", "--alg", "ES256", "--now", "--yes"]).ok().one();
    // Published at once, and signing when every server has it; the next command does not wait for that.
    assert_eq!(text(&rotated, "state"), "published");
    assert!(rotated["signs_at"].is_string(), "{rotated}");
    place.run(&["key", "retire", text(active, "kid"), "--now", "--yes"]).ok();
    // The running server signs with it without a restart, and no longer publishes the other one.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, jwks) = server.get("/.well-known/jwks.json", "").await;
        if jwks.contains(text(&rotated, "kid")) && !jwks.contains(text(active, "kid")) {
            break;
        }
        assert!(Instant::now() < deadline, "{jwks}");
        tokio::task::yield_now().await;
    }
    let token = server.log_in("ada").await;
    let inspected = place.run(&["token", "inspect", text(&token, "access_token")]).ok().one();
    assert_eq!(inspected["header"]["kid"], rotated["kid"]);
}

/// The procedure in docs/keys.md, step by step, for a key in the data directory: at the end no setting names
/// a key and the old file is removed.
#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_replaced_as_the_guide_says() {
    let guide = include_str!("../../../docs/keys.md");
    let (_, guide) = guide.split_once("## The master key").unwrap();
    for step in ["new.key", "signet key rewrap", "mv new.key data/master.key"] {
        assert!(guide.contains(step), "the guide does not say {step}");
    }
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    server.log_in("ada").await;
    drop(server);
    let make = "cp data/master.key old.key; umask 077; \
                head -c 32 /dev/urandom | basenc --base64url | tr -d '=' > new.key";
    assert!(place.command_of("sh", &["-euc", make]).status().unwrap().success());
    let place = place
        .with("SIGNET_MASTER_KEY_FILE", "new.key")
        .with("SIGNET_MASTER_KEY_OLD_FILE", "old.key");
    let server = place.serve();
    let ran = place.run(&["key", "rewrap"]).ok();
    assert!(ran.err.contains("Replace the old key"), "{}", ran.err);
    server.log_in("ada").await;
    drop(server);
    // Without the last step the old file would be read again.
    let place = place.without("SIGNET_MASTER_KEY_FILE").without("SIGNET_MASTER_KEY_OLD_FILE");
    place.run(&["key", "list"]).refused(78, &["master key"]);
    std::fs::rename(place.dir.path().join("new.key"), place.dir.path().join("data/master.key"))
        .unwrap();
    let server = place.serve();
    server.log_in("ada").await;
}
