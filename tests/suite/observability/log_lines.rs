//! Log lines: each is valid under `docs/log-schema.json`, which is checked for every process of the suite.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::project::architecture::source;
use crate::support::log_schema::{SCHEMA, remarks};
use crate::support::postgres;
use crate::support::process::{Launch, until};
use crate::support::server::{Backend, PASSWORD, on_both};

/// A server that logs at the lowest level, as JSON.
async fn talkative(backend: Backend) -> Launch {
    let launch = Launch::new().with("SIGNET_LOG", "trace").with("SIGNET_LOG_FORMAT", "json");
    match backend {
        Backend::Sqlite => launch,
        Backend::Postgres => {
            launch.with("SIGNET_DATABASE_URL", &postgres::fresh_database().await.unwrap())
        }
    }
}

fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Every line of a server from start to end, at the lowest level and about requests of every kind, is JSON and valid.
#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_run_fits_the_schema() {
    on_both("log lines", async |backend| {
        let launch = talkative(backend).await;
        let mut server = launch.start().await;
        let caller = server.caller();
        let account = json!({"login": "ada", "password": PASSWORD});
        let ada = caller.post("/v1/register", &account).await.is(201).string("id");
        let tokens = caller.post("/v1/login", &account).await;
        let access = tokens.is(200).string("access_token");
        let wrong = json!({"login": "ada", "password": "not the password"});
        caller.post("/v1/login", &wrong).await.is(401);
        let refresh = json!({"refresh_token": tokens.string("refresh_token")});
        caller.post("/v1/refresh", &refresh).await.is(200);
        caller.get_as("/v1/me", &access).await.is(200);
        caller.get("/v1/me").await.is(401);
        caller.get("/nowhere").await.is(404);
        caller.get("/login").await;
        caller.get("/.well-known/jwks.json").await.is(200);
        caller.form("/oauth2/token", &[("grant_type", "password")]).await.is(400);
        server.signal(rustix::process::Signal::TERM);
        assert_eq!(server.ended().await, Some(0));
        let lines = lines(&server.all_of_log());
        let all: Vec<String> = lines.iter().flat_map(|line| remarks(&line.to_string())).collect();
        assert!(all.is_empty(), "{all:#?}");
        let of = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
        assert!(of("request") >= 10 && of("audit") >= 3 && of("started") == 1, "{lines:#?}");
        // The members about the request.
        let me = lines.iter().find(|line| line["route"] == "/v1/me" && line["status"] == 200);
        let me = me.unwrap();
        assert_eq!((&me["client_id"], &me["method"]), (&json!("signet"), &json!("GET")));
        assert_eq!(me["user_id"], ada, "{me}");
        let refused = lines.iter().find(|line| line["route"] == "/oauth2/token").unwrap();
        assert_eq!(refused["code"], "unsupported_grant_type");
        let missing = lines.iter().find(|line| line["status"] == 404).unwrap();
        assert_eq!(
            (&missing["route"], &missing["code"]),
            (&json!("unmatched"), &json!("not_found"))
        );
    })
    .await;
}

/// A refused start is one line of JSON, which is valid as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_fits_the_schema() {
    let launch = Launch::new().with("SIGNET_LOG_FORMAT", "json").with("SIGNET_ISSUER", "nonsense");
    let refused = launch.try_start().await.err().unwrap();
    let lines = lines(&refused.text);
    assert_eq!(lines.last().unwrap()["event"], "refused");
    let all: Vec<String> = lines.iter().flat_map(|line| remarks(&line.to_string())).collect();
    assert!(all.is_empty(), "{all:#?}");
}

/// A server without a database logs failures, and those lines are valid as well.
#[tokio::test(flavor = "multi_thread")]
async fn lines_about_failures_fit_the_schema() {
    on_both("lines about failures", async |backend| lines_about_failures(backend).await).await;
}

async fn lines_about_failures(backend: Backend) {
    let launch = talkative(backend).await.soon_gives_up();
    let server = launch.start().await;
    // A failing statement is a fault.
    match launch.setting("SIGNET_DATABASE_URL") {
        Some(url) => postgres::execute(&url, "DROP TABLE sessions CASCADE").await,
        None => {
            let options = format!("sqlite://{}", launch.database().display());
            let mut connection = sqlx::SqliteConnection::connect(&options).await.unwrap();
            sqlx::query("DROP TABLE sessions").execute(&mut connection).await.unwrap();
        }
    }
    let account = json!({"login": "ada", "password": PASSWORD});
    server.caller().post("/v1/register", &account).await.is(201);
    server.caller().post("/v1/login", &account).await.is(500);
    until("the failure and its request are logged", async || {
        let log = server.log();
        log.contains("request failed") && log.contains("\"status\":500")
    })
    .await;
    let log = server.log();
    let failed: Value =
        serde_json::from_str(log.lines().find(|line| line.contains("request failed")).unwrap())
            .unwrap();
    assert_eq!(failed["code"], "internal");
    let request = log.lines().find(|line| line.contains("\"status\":500")).unwrap();
    let request: Value = serde_json::from_str(request).unwrap();
    for name in ["request_id", "trace_id", "span_id"] {
        assert_eq!(failed[name], request[name], "{name}");
    }
}

/// The fields in a call of a macro of `tracing`.
fn fields(arguments: TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = arguments.into_iter().collect();
    let mut found = BTreeSet::new();
    for argument in tokens.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
    {
        let plain = |token: &&TokenTree| !matches!(token, TokenTree::Punct(p) if matches!(p.as_char(), '%' | '?'));
        let mut rest = argument.iter().filter(plain);
        match (rest.next(), rest.next()) {
            (Some(TokenTree::Ident(name)), None) => found.insert(name.to_string()),
            (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(p))) if p.as_char() == '=' => {
                found.insert(name.to_string())
            }
            _ => false,
        };
    }
    found
}

/// Every field of every call of `tracing::info!` and similar macros in a stream of tokens.
fn logged(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before = |back: usize| at.checked_sub(back).map(|at| tokens[at].to_string());
        let is_call = group.delimiter() == Delimiter::Parenthesis
            && before(1).as_deref() == Some("!")
            && tokens[..at].iter().rev().skip(1).take(6).any(|t| t.to_string() == "tracing");
        if is_call {
            found.extend(fields(group.stream()));
        }
        logged(group.stream(), found);
    }
}

/// Lines that no test causes have no field outside of the schema either.
#[test]
fn every_field_that_the_sources_log_is_in_the_schema() {
    let known = SCHEMA["$defs"]["own"]["properties"].as_object().unwrap();
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in source::files("src") {
        let mut found = BTreeSet::new();
        logged(file.text.parse().unwrap(), &mut found);
        found.retain(|name| !known.contains_key(name));
        if !found.is_empty() {
            files.insert(file.path, found);
        }
    }
    assert!(files.is_empty(), "not in docs/log-schema.json: {files:#?}");
    let mut seen = BTreeSet::new();
    logged(
        "fn f() { tracing::warn!(a, %b, ?c, d = %e.f(g, h), i, \"text {x}\", y.z()) }"
            .parse()
            .unwrap(),
        &mut seen,
    );
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "i"]);
}

/// Every member of the schema has a description.
#[test]
fn every_member_of_the_schema_is_described() {
    for (name, member) in SCHEMA["$defs"]["own"]["properties"].as_object().unwrap() {
        let text = member["description"].as_str().unwrap_or_default();
        assert!(text.ends_with('.'), "{name}: {text}");
    }
}
