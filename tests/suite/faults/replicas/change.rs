//! Changes at one process, and when the other one knows of them.
//!
//! Cached objects (keys, clients, APIs) apply everywhere after the other process has reloaded, which it does
//! by itself; users and sessions are not cached, and apply at once.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Replicas, administer, call_as, register, try_login};
use crate::support::process::{Caller, Launch, until};
use crate::support::relying_party::App;
use crate::support::server::{PASSWORD, Tokens};

/// The names of the published keys for ES256; the first one signs.
async fn kids(caller: &Caller) -> Vec<String> {
    let set = caller.get("/.well-known/jwks.json").await.is(200).json();
    let keys = set["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "ES256");
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Runs the command line beside the processes.
fn run(launch: &Launch, arguments: &[&str]) -> String {
    let output = launch.command().args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_rotated_anywhere_is_published_everywhere() {
    let Some(replicas) = Replicas::start("keys of two processes", 2).await else { return };
    let (one, two) = (replicas.at(0), replicas.at(1));
    let root = administer(&one).await;
    // Two concurrent first starts created one set of keys.
    assert_eq!(kids(&one).await, kids(&two).await);

    let before = kids(&one).await;
    let body = json!({"alg": "ES256", "now": true});
    call_as(&one, Method::POST, "/v1/admin/keys/rotate", &root, Some(&body)).await.is(200);
    let published = kids(&one).await;
    assert_eq!((&published[0], published.len()), (&before[0], 2), "it does not sign yet");
    until("the key published at the other process", async || kids(&two).await == published).await;
    until("the new key signs", async || kids(&one).await[0] != before[0]).await;
    let rotated = kids(&one).await;
    assert!(!before.contains(&rotated[0]), "{before:?} {rotated:?}");
    until("the key rotated at the other process", async || kids(&two).await == rotated).await;
    // Not only the list: a token signed by either is accepted by the other.
    register(&one, "ada").await;
    for (signer, verifier) in [(&one, &two), (&two, &one)] {
        let tokens = Tokens::of(&try_login(signer, "ada", PASSWORD).await);
        assert_eq!(jsonwebtoken::decode_header(&tokens.access).unwrap().kid.unwrap(), rotated[0]);
        verifier.get_as("/v1/me", &tokens.access).await.is(200);
    }

    run(&replicas.launch, &["key", "rotate", "--alg", "ES256", "--now", "--yes"]);
    for caller in [&one, &two] {
        until("the key rotated by hand", async || {
            let now = kids(caller).await;
            now[0] != rotated[0] && now.contains(&rotated[0])
        })
        .await;
    }
    assert_eq!(kids(&one).await, kids(&two).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_and_an_api_are_the_same_everywhere() {
    let Some(replicas) = Replicas::start("clients of two processes", 2).await else { return };
    let (one, two) = (replicas.at(0), replicas.at(1));
    let root = administer(&one).await;
    register(&one, "ada").await;

    // A client: created, its secret replaced, disabled and enabled.
    let app = App::register(&one, &root, json!({"type": "web"})).await;
    let asks =
        async |app: &App| app.call(&two, "/oauth2/introspect", &[("token", "x")]).await.status;
    until("a new client", async || asks(&app).await == 200).await;
    let path = format!("/v1/admin/clients/{}", app.id);
    let post = async |verb: &str, body: Option<Value>| {
        let path = format!("{path}/{verb}");
        call_as(&one, Method::POST, &path, &root, body.as_ref()).await
    };
    let body = json!({"revoke_old": true});
    let secret = post("rotate-secret", Some(body)).await.is(200).string("client_secret");
    let newer = App { secret: Some(secret), ..app.clone() };
    until("a new secret", async || asks(&newer).await == 200).await;
    assert_eq!(asks(&app).await, 401, "the old secret");
    post("disable", None).await.is(200);
    until("a disabled client", async || asks(&newer).await == 401).await;
    post("enable", None).await.is(200);
    until("an enabled client", async || asks(&newer).await == 200).await;

    // An API: created, the lifetime of its tokens changed, also on the command line.
    let api = json!({"identifier": "https://api.example.com", "scopes": ["read"],
        "access_token_ttl": 600});
    let made = call_as(&one, Method::POST, "/v1/admin/apis", &root, Some(&api)).await;
    let path = format!("/v1/admin/apis/{}", made.is(201).string("id"));
    let login = json!({"login": "ada", "password": PASSWORD,
        "audience": "https://api.example.com", "scope": "read"});
    let life = async || {
        let answer = two.post("/v1/login", &login).await;
        if answer.status == 200 { answer.json()["expires_in"].as_i64() } else { None }
    };
    until("a new API", async || life().await == Some(600)).await;
    let body = json!({"access_token_ttl": 120});
    call_as(&one, Method::PATCH, &path, &root, Some(&body)).await.is(200);
    until("an API's settings", async || life().await == Some(120)).await;
    run(&replicas.launch, &["api", "set", "https://api.example.com", "--access-token-ttl", "5m"]);
    until("an API set by hand", async || life().await == Some(300)).await;
}

/// At once: with the next request.
#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_user_ends_every_session_at_once() {
    let Some(replicas) = Replicas::start("users of two processes", 2).await else { return };
    let root = administer(&replicas.at(0)).await;
    for round in 0..4 {
        let (here, there) = (replicas.at(round % 2), replicas.at((round + 1) % 2));
        let login = format!("ada{round}");
        let id = register(&here, &login).await;
        let tokens = Tokens::of(&try_login(&there, &login, PASSWORD).await);
        // Used a moment ago, so that a cached value would still be in the cache.
        there.get_as("/v1/me", &tokens.access).await.is(200);
        let path = format!("/v1/admin/users/{id}/disable");
        call_as(&here, Method::POST, &path, &root, None).await.is(200);
        there.get_as("/v1/me", &tokens.access).await.is(401);
        let body = json!({"refresh_token": tokens.refresh});
        there.post("/v1/refresh", &body).await.is_problem(401, "refresh_token_invalid");
        try_login(&there, &login, PASSWORD).await.is_problem(401, "invalid_credentials");
    }
    // The same for one session that is logged out.
    register(&replicas.at(0), "grace").await;
    let tokens = Tokens::of(&try_login(&replicas.at(0), "grace", PASSWORD).await);
    let body = json!({"refresh_token": tokens.refresh});
    replicas.at(1).post("/v1/logout", &body).await.is(204);
    replicas.at(0).get_as("/v1/me", &tokens.access).await.is(401);
    replicas.at(0).post("/v1/refresh", &body).await.is(401);
}
