//! `signet token`: preview, inspect, verify and why.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{API, Place, members, text};
use crate::support::process::PATIENCE;

#[test]
fn a_token_can_be_previewed_before_a_login() {
    let place = Place::served();
    place.administrator("ada");
    let create = ["api", "create", API, "--scope", "read", "--claim", "groups"];
    place.run(&create).ok();
    place.run(&["user", "update", "ada", "--group", "emea"]).ok();
    let args = ["token", "preview", "ada", "--audience", API, "--scope", "read"];
    let preview = place.run(&args).ok().one();
    assert_eq!(members(&preview["header"]), ["alg", "kid", "typ"]);
    let claims = &preview["claims"];
    assert_eq!((text(claims, "aud"), text(claims, "scope")), (API, "read"));
    assert_eq!(claims["groups"], json!(["emea"]));
    assert!(text(claims, "jti").contains("new each time"));
    assert!(place.run(&["session", "list"]).ok().rows().is_empty(), "nothing is written");
    place.run(&["token", "preview", "ada", "--audience", "urn:x"]).refused(2, &["registered"]);
    place.run(&["token", "preview", "ada", "--scope", "x"]).refused(2, &["scope"]);
    place.run(&["token", "preview", "eve"]).refused(3, &["eve"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_taken_apart_and_judged() {
    let place = Place::empty();
    let server = place.serve();
    let ada = place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");

    // However it is pasted, and without a database.
    let elsewhere = Place::empty();
    for (args, input) in [
        (["token", "inspect", token], String::new()),
        (["token", "inspect", "-"], format!("{token}\n")),
        (["token", "inspect", "-"], format!("Bearer {token}\n")),
        (["token", "inspect", "-"], tokens.to_string()),
    ] {
        let seen = elsewhere.run_with(&args, input.as_bytes()).ok().one();
        assert_eq!(members(&seen["header"]), ["alg", "kid", "typ"]);
        assert_eq!(seen["claims"]["sub"], ada["id"]);
    }
    let people = elsewhere.run(&["token", "inspect", token, "-o", "table"]).ok();
    assert!(people.err.contains("Expires ") && people.err.contains("in 9 min"), "{}", people.err);
    for opaque in [text(&tokens, "refresh_token"), "srt_x"] {
        let ran = elsewhere.run(&["token", "inspect", opaque]).ok();
        assert_eq!(ran.one(), json!({ "kind": "refresh_token", "opaque": true }));
        assert!(ran.err.contains("opaque by design"), "{}", ran.err);
    }
    for rubbish in ["abc", "a.b.c", "a.b.c.d.e"] {
        elsewhere.run(&["token", "inspect", rubbish]).refused(1, &["not a signed token"]);
    }
    elsewhere.run_with(&["token", "inspect", "-"], b"{}").refused(2, &["access_token"]);
    elsewhere.run_with(&["token", "inspect", "-"], b"\n").refused(2, &["no token"]);

    let verify = |token: &str| place.run(&["token", "verify", token]);
    assert_eq!(verify(token).ok().one()["sub"], ada["id"]);
    assert_eq!(
        place.run_with(&["token", "verify", "-"], tokens.to_string().as_bytes()).code,
        Some(0)
    );
    let itself = ["token", "verify", token, "--audience", "http://localhost:8484"];
    place.run(&itself).ok();
    let other = ["token", "verify", token, "--audience", API];
    place.run(&other).refused(7, &["wrong audience", API]);

    let parts: Vec<&str> = token.split('.').collect();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let mut header = read(parts[0]);
    header["kid"] = json!("another");
    let unknown = format!("{}.{}.{}", part(&header), parts[1], parts[2]);
    verify(&unknown).refused(7, &["unknown key", "another"]);
    let mut claims = read(parts[1]);
    claims["exp"] = json!(9_999_999_999_i64);
    let longer = format!("{}.{}.{}", parts[0], part(&claims), parts[2]);
    verify(&longer).refused(7, &["bad signature"]);
    let none = part(&json!({ "alg": "none", "typ": "at+jwt" }));
    verify(&format!("{none}.{}.", parts[1])).refused(7, &["not an access token of Signet"]);
    verify(text(&tokens, "refresh_token")).refused(7, &["not an access token"]);

    let renamed = ("SIGNET_ISSUER", "http://localhost:9999");
    let mut command = place.command(&["token", "verify", token]);
    let output = command.env(renamed.0, renamed.1).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("wrong issuer") && said.contains("http://localhost:8484"), "{said}");

    place.run(&["session", "revoke", "--user", "ada"]).ok();
    verify(token).refused(7, &["session ended"]);
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    let session = verify(token).ok().one();
    place.run(&["session", "revoke", text(&session, "sid")]).ok();
    verify(token).refused(7, &["session ended", "ended_by_admin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_explained_check_by_check() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    let why = |args: &[&str]| place.run(&[&["token", "why"], args].concat());

    let good = why(&[token]).ok();
    assert_eq!((&good.one()["good"], good.err.as_str()), (&json!(true), ""));
    let members: Vec<String> = good.one().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["good", "at", "code", "message", "checks"]);
    let piped = place.run_with(&["token", "why", "-"], tokens.to_string().as_bytes());
    assert_eq!(piped.ok().one()["good"], true);
    let people = why(&[token, "-o", "table"]).ok();
    assert!(people.out.starts_with("ok      form\nok      header\n"), "{}", people.out);
    assert!(people.out.contains("\n\nThe token is valid as of "), "{}", people.out);

    // For an invalid token: the same data, an empty stderr, exit code 7.
    let wrong = why(&[token, "--audience", API]).code(7);
    assert_eq!((text(&wrong.one(), "code"), wrong.err.as_str()), ("wrong_audience", ""));
    let people = why(&[token, "--at", "2100-01-01T00:00:00Z", "-o", "table"]).code(7);
    assert!(people.out.contains("\nFAILED  expiry     The token expired on "), "{}", people.out);
    assert!(people.out.contains("Not valid (expired): "), "{}", people.out);
    assert!(people.out.contains("docs/token-codes/expired.md"), "{}", people.out);
    let early = why(&[token, "--at", "1000000000"]).code(7);
    assert_eq!(text(&early.one(), "code"), "issued_in_future");
    assert_eq!(text(&early.one(), "at"), "2001-09-09T01:46:40.000Z");

    let refresh = text(&tokens, "refresh_token");
    let opaque = why(&[refresh]).code(7);
    assert_eq!(text(&opaque.one(), "code"), "refresh_token");
    assert!(text(&opaque.one(), "message").contains("its session is active"), "{}", opaque.out);
    let steering = why(&["\u{1b}[2J.b.c", "-o", "table"]).code(7);
    assert!(!steering.out.contains('\u{1b}'), "{:?}", steering.out);
    assert!(steering.out.contains("\n-       header\n"), "{}", steering.out);
    let large = place.run_with(&["token", "why", "-"], "a.".repeat(500_000).as_bytes()).code(7);
    assert_eq!(text(&large.one(), "code"), "too_large");
    for said in [token, refresh] {
        for ran in [&good, &wrong, &opaque, &people] {
            assert!(!ran.out.contains(said) && !ran.err.contains(said), "{ran:?}");
        }
    }

    place.run(&["session", "revoke", text(&claims_of(&place, token), "sid")]).ok();
    let ended = why(&[token]).code(7);
    assert_eq!(text(&ended.one(), "code"), "session_ended");
    assert!(text(&ended.one(), "message").contains("ended_by_admin"), "{}", ended.out);
    // It was valid when it was issued.
    let issued = claims_of(&place, token)["iat"].to_string();
    assert_eq!(why(&[token, "--at", &issued]).ok().one()["good"], true);
}

/// The claims of a token, unverified.
fn claims_of(place: &Place, token: &str) -> Value {
    place.run(&["token", "inspect", token]).ok().one()["claims"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_recognised() {
    let place = Place::empty()
        .with("SIGNET_ACCESS_TOKEN_TTL", "1s")
        .with("SIGNET_REFRESH_RETRY_WINDOW", "0s");
    let server = place.serve();
    place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let args = ["token", "verify", text(&tokens, "access_token")];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ran = place.run(&args);
        if ran.code != Some(0) {
            ran.refused(7, &["expired"]);
            break;
        }
        assert!(Instant::now() < deadline, "it never expired");
    }
}
