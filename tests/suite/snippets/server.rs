//! Snippets and a real server: printed where its database is, with tokens that it issued.

use reqwest::Method;
use serde_json::{Value, json};

use super::language::Language;
use super::printed::Running;
use crate::hostile::runner::AUDIENCE;
use crate::support::Backend;
use crate::support::process::until;
use crate::support::server::{Options, PASSWORD, Tokens};

/// Prints a snippet beside a running server, runs it, and logs the user out.
async fn follows_a_log_out(name: &str) {
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": AUDIENCE, "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_signet"));
    command.env_clear().current_dir(server.dir.path());
    command.env("SIGNET_DATA_DIR", server.dir.path().join("data"));
    command.env("SIGNET_ISSUER", &server.base);
    command.args([
        "snippet",
        name,
        "--audience",
        AUDIENCE,
        "--scope",
        "orders:read",
        "--when-stale",
        "closed",
    ]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Algorithms: ES256\n") && !text.contains("RS256']"), "{text}");
    let Some(running) = Running::start(Language::of(name), text).await else { return };

    let login = json!({"login": "root", "password": PASSWORD, "audience": AUDIENCE, "scope": "orders:read"});
    let tokens = Tokens::of(&server.post("/v1/login", login).await);
    assert_eq!(running.status(&tokens.access).await, 200);
    assert_eq!(running.status(&root.access).await, 401, "a token for the issuer itself");

    // The challenge names metadata that the server serves.
    let (_, challenge, _) = running.ask(None).await;
    let url = challenge.split('"').nth(1).unwrap();
    let metadata: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(
        (&metadata["resource"], &metadata["authorization_servers"][0]),
        (&json!(AUDIENCE), &json!(server.base))
    );

    let body = json!({"refresh_token": tokens.refresh});
    server.post("/v1/logout", body).await.is(204);
    until("the next fetch of the feed", async || running.status(&tokens.access).await == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_refuses_a_session_that_ended() {
    follows_a_log_out("node-revocations").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_refuses_a_session_that_ended() {
    follows_a_log_out("python-revocations").await;
}
