//! Token exchange (RFC 8693) under attack: no wider scope, no longer lifetime, and no bound token without its key.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{App, FORM, Person, REDIRECT_URI, VERIFIER, error_of, form};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

use super::super::dpop::Proof;
use super::super::key;

const API: &str = "https://api.example.com";
const STOCK: &str = "https://stock.example.com";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    for (api, scopes) in [(API, json!(["read", "write"])), (STOCK, json!(["count"]))] {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let grants = json!(["authorization_code", "refresh_token", EXCHANGE]);
    let web = json!({"type": "web", "audiences": [API, STOCK], "grant_types": grants});
    let app = App::register(&server, &root, web).await;
    (server, root, app)
}

/// The access token of a user, for the first API.
async fn user_token(server: &Server, app: &App, proof: Option<&str>) -> String {
    let ada = Person::new(server, "ada");
    let code = app.code(&ada, &[("scope", "openid read write"), ("resource", API)]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    call(server, app, &fields, proof).await.is(200).string("access_token")
}

async fn call(server: &Server, app: &App, fields: &[(&str, &str)], proof: Option<&str>) -> Answer {
    let request = server.request(Method::POST, "/oauth2/token").header("content-type", FORM);
    let mut request = request.basic_auth(&app.id, app.secret.as_deref());
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    server.send(request.body(form(fields.iter().copied()))).await
}

async fn exchange(server: &Server, app: &App, token: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [
        &[("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)],
        more,
    ]
    .concat();
    app.call(server, "/oauth2/token", &fields).await
}

fn claims(answer: &Answer) -> Value {
    Tokens { access: answer.is(200).string("access_token"), refresh: String::new() }.claims()
}

/// A consent for one API is none for another.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_gets_no_scope_without_consent() {
    let (server, _, app) = set().await;
    let access = user_token(&server, &app, None).await;
    let same = exchange(&server, &app, &access, &[("resource", API), ("scope", "read")]).await;
    assert_eq!(claims(&same)["scope"], "read");
    for more in [
        &[("resource", STOCK)][..],
        &[("resource", STOCK), ("scope", "count")],
        &[("audience", STOCK), ("scope", "count")],
        &[("resource", API), ("audience", STOCK)],
    ] {
        let answer = exchange(&server, &app, &access, more).await;
        assert_eq!(error_of(&answer, 400), "invalid_target", "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_actors_is_written_down_and_ends() {
    let (server, root, app) = set().await;
    let both = json!([API, STOCK]);
    let mut chain = Vec::new();
    for _ in 0..2 {
        let api = json!({"type": "service", "serves": both, "audiences": both,
            "grant_types": [EXCHANGE]});
        chain.push(App::register(&server, &root, api).await);
    }
    let mut token = user_token(&server, &app, None).await;
    let subject = Tokens { access: token.clone(), refresh: String::new() }.claims();
    let mut acted = Vec::new();
    let refused = loop {
        let step = acted.len();
        assert!(step <= 20, "no end of actors");
        let target = [STOCK, API][step % 2];
        let actor = &chain[step % 2];
        let answer = exchange(&server, actor, &token, &[("resource", target)]).await;
        if answer.status != 200 {
            break answer;
        }
        acted.push(actor.id.clone());
        let said = claims(&answer);
        // The subject is unchanged, and the token expires no later than the first one.
        assert_eq!((&said["sub"], &said["exp"]), (&subject["sub"], &subject["exp"]));
        let mut act = &said["act"];
        for who in acted.iter().rev() {
            assert_eq!(act["sub"], json!(who), "{said}");
            act = &act["act"];
        }
        assert!(act.is_null(), "{said}");
        token = answer.string("access_token");
    };
    assert_eq!(error_of(&refused, 400), "invalid_grant");
    assert!(acted.len() >= 2, "{acted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_exchanged_with_its_key() {
    let (server, _, app) = set().await;
    let (mine, thiefs) = (key(), key());
    let proof = |key, jti: &str| Proof::new(&server, key, "POST", "/oauth2/token", jti).sign();
    let access = user_token(&server, &app, Some(&proof(&mine, "begin"))).await;
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", &*access),
        ("subject_token_type", ACCESS_TOKEN),
        ("scope", "read"),
    ];
    for wrong in [None, Some(proof(&thiefs, "thief"))] {
        let answer = call(&server, &app, &fields, wrong.as_deref()).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
    }
    let good = call(&server, &app, &fields, Some(&proof(&mine, "mine"))).await;
    assert_eq!(claims(&good)["cnf"]["jkt"], mine.public.thumbprint());
    assert_eq!(good.json()["token_type"], "DPoP");
}

/// The administrator's next token, because the previous one has expired as well.
async fn again(server: &Server, root: &Tokens) -> Tokens {
    Tokens::of(server.refresh(&root.refresh).await.is(200))
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_tokens_cannot_be_exchanged() {
    let (server, root, app) = set().await;
    // Expired, to the second.
    let access = user_token(&server, &app, None).await;
    let said = Tokens { access: access.clone(), refresh: String::new() }.claims();
    let left = said["exp"].as_i64().unwrap() - server.now().secs();
    server.advance(TimeSpan::from_secs(left - 1));
    let last = exchange(&server, &app, &access, &[("scope", "read")]).await;
    assert_eq!(claims(&last)["exp"], said["exp"], "what is left is a second");
    server.advance(TimeSpan::from_secs(1));
    let over = exchange(&server, &app, &access, &[]).await;
    assert_eq!(error_of(&over, 400), "invalid_grant");
    // A disabled user, and a subject that never existed.
    let root = again(&server, &root).await;
    let access = user_token(&server, &app, None).await;
    let id = said["sub"].as_str().unwrap();
    let path = format!("/v1/admin/users/{id}/disable");
    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
    for token in [&*access, "", "a.b.c", &access[..access.len() - 2]] {
        let answer = exchange(&server, &app, token, &[]).await;
        let wanted = if token.is_empty() { "invalid_request" } else { "invalid_grant" };
        assert_eq!(error_of(&answer, 400), wanted, "{token:.20}");
    }
    for kind in ["", "urn:ietf:params:oauth:token-type:id_token", "access_token"] {
        let fields =
            [("grant_type", EXCHANGE), ("subject_token", &*access), ("subject_token_type", kind)];
        let answer = app.call(&server, "/oauth2/token", &fields).await;
        assert_eq!(error_of(&answer, 400), "invalid_request", "{kind}");
    }
}
