//! What commands end is in the feed of a running server.

use reqwest::Method;
use serde_json::Value;
use signet::crypto::jwt::decode_unverified;

use super::{PASSWORD, Place, Server, text};
use crate::support::on_both;
use crate::support::process::until;

fn claims(token: &str) -> Value {
    Value::Object(decode_unverified(token).claims.unwrap())
}

/// Whether a service that verifies offline refuses the token, by the rule of `docs/revocation-feed.md`.
fn refuses(feed: &Value, token: &Value) -> bool {
    let listed = |claim: &str| feed[claim].get(text(token, claim)).is_some();
    let cut = |cut: &Value| {
        let fits = |name: &str| cut.get(name).is_none_or(|value| *value == token[name]);
        fits("client_id") && fits("aud") && token["iat"].as_i64() <= cut["iat"].as_i64()
    };
    listed("sid") || listed("jti") || feed["cut"].as_array().unwrap().iter().any(cut)
}

async fn feed(server: &Server) -> Value {
    let url = format!("{}/.well-known/revocations", server.base);
    let answer = reqwest::Client::new().request(Method::GET, url).send().await.unwrap();
    claims(&answer.text().await.unwrap())
}

/// The claims of a new token. One of the second in which everything ended is refused offline.
async fn valid_token(server: &Server, login: &str) -> Value {
    let mut token = Value::Null;
    until("a token is valid offline", async || {
        token = claims(text(&server.log_in(login).await, "access_token"));
        !refuses(&feed(server).await, &token)
    })
    .await;
    token
}

/// Each form of `signet session revoke`, and each other command that ends sessions of a user: the token that was valid
/// before is refused offline, and that of an administrator whom the command does not concern is not.
#[tokio::test(flavor = "multi_thread")]
async fn each_command_that_ends_sessions_is_in_the_feed() {
    on_both("cli: the feed", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("root");
        let mut missing = Vec::new();
        for (number, way) in [
            "session", "file", "user", "role", "group", "before", "below", "client", "password",
            "disable", "delete", "all",
        ]
        .into_iter()
        .enumerate()
        {
            let login = &*format!("user{number}");
            let create =
                ["user", "create", login, "--role", way, "--group", way, "--password-file", "-"];
            place.run_with(&create, PASSWORD.as_bytes()).ok();
            let other = valid_token(&server, "root").await;
            let token = valid_token(&server, login).await;
            let sid = text(&token, "sid").to_owned();
            let revoke = |more: &[&str]| place.run(&[&["session", "revoke"], more].concat());
            let ran = match way {
                "session" => revoke(&[&sid]),
                "file" => place
                    .run_with(&["session", "revoke", "--from", "-"], format!("{sid}\n").as_bytes()),
                "user" => revoke(&["--user", login]),
                "role" | "group" => revoke(&[&format!("--{way}"), way]),
                "before" => revoke(&["--before", "2100-01-01T00:00:00Z"]),
                "below" => revoke(&["--below", "mfa"]),
                "client" => revoke(&["--client", "signet"]),
                "password" => place.run_with(
                    &["user", "set-password", login, "--password-file", "-"],
                    b"another correct horse battery",
                ),
                "disable" => place.run(&["user", "disable", login]),
                "delete" => place.run(&["user", "delete", login, "--yes"]),
                _ => revoke(&["--all"]),
            };
            ran.ok();
            until("the feed has it", async || refuses(&feed(&server).await, &token)).await;
            let is_wide = ["before", "below", "client", "all"].contains(&way);
            if refuses(&feed(&server).await, &other) != is_wide {
                missing.push(way);
            }
        }
        assert!(missing.is_empty(), "another user's sessions: {missing:?}");
    })
    .await;
}
