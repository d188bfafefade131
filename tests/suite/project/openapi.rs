//! The description of the API and of its errors, held against the running server.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::outcome::Code;
use signet::http::routes::{Access, TABLE};

use crate::support::packages::{copy_of, have, venv};
use crate::support::server::Tokens;
use crate::support::{Backend, Server, require};

const ERRORS: &str = include_str!("../../../docs/errors.md");
const DOCUMENT: &str = include_str!("../../../assets/openapi.json");

#[test]
fn every_route_is_described_and_nothing_else() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut described = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let secured = operation["security"] == json!([{"bearer": []}]);
            described.push((method.to_uppercase(), path.clone(), secured));
        }
    }
    // What people see is described by itself.
    let pages = [
        "/setup",
        "/assets",
        "/favicon.ico",
        "/login",
        "/logout",
        "/consent",
        "/device",
        "/account",
        "/oauth2/authorize",
        "/oauth2/logout",
        "/.well-known/change-password",
    ];
    let page = |path: &str| path == "/" || pages.iter().any(|page| path.starts_with(page));
    let mut routes: Vec<_> = TABLE
        .iter()
        .filter(|route| !page(route.path))
        .map(|route| {
            (route.method.to_owned(), route.path.to_owned(), route.access != Access::Anyone)
        })
        .collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
}

/// The sections of the errors' page: code and request, if one produces it on demand.
fn sections() -> Vec<(String, Option<String>)> {
    ERRORS
        .split("\n## `")
        .skip(1)
        .map(|section| {
            let (code, rest) = section.split_once('`').unwrap();
            let request = rest.split_once("```sh\n").map(|(_, r)| r.split_once("```").unwrap().0);
            (code.to_owned(), request.map(str::to_owned))
        })
        .collect()
}

#[test]
fn every_code_has_its_section() {
    let written: Vec<String> = sections().into_iter().map(|(code, _)| code).collect();
    let codes: Vec<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(written, codes);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_request_produces_its_error() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": "https://api.example.com", "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    server.register("ada").await;
    let ada = server.login("ada").await;
    let used_up = server.login("ada").await.refresh;
    let next = Tokens::of(&server.refresh(&used_up).await).refresh;
    server.refresh(&next).await.is(200);
    let environment = [
        ("BASE", server.base.clone()),
        ("ACCESS", ada.access),
        ("USED_UP", used_up),
        ("ADMIN_ID", root.claims()["sub"].as_str().unwrap().to_owned()),
        ("ADMIN", root.access),
    ];
    let mut replayed = 0;
    for (code, request) in sections() {
        let Some(request) = request else { continue };
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &request]).envs(environment.clone());
        let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
            panic!("{code}: {text}{}", String::from_utf8_lossy(&output.stderr))
        });
        assert_eq!(problem["code"], *code);
        replayed += 1;
    }
    assert!(replayed >= 18, "{replayed}");
}

/// What can end the session the fuzzer works with; it gets a run of its own, where it may.
const ENDING: &[&str] = &[
    "deleteUser",
    "disableUser",
    "endSession",
    "endSessions",
    "endSessionsOfUser",
    "logout",
    "retireKey",
    "revokeSession",
    "setPassword",
    "updateUser",
];

/// A fuzzer that reads the description finds no 5xx and nothing that is not described.
#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_finds_nothing_that_is_not_described() {
    if have("python3", "python").is_none() {
        return;
    }
    let folder = copy_of("tests/openapi");
    if !venv(&folder) {
        return require::missing("python", "the packages of tests/openapi cannot be installed");
    }
    let server = Server::start(Backend::Sqlite).await;
    for (selection, survives) in
        [("--exclude-operation-id", true), ("--include-operation-id", false)]
    {
        // One administrator for each run: the first run's examples change the password.
        let token = server.administrator(&format!("fuzzer{survives}")).await.access;
        let mut command = Command::new(folder.join(".venv/bin/schemathesis"));
        command
            .current_dir(&folder)
            .args(["run", &server.url("/v1/openapi.json"), "--url", &server.base])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--seed", "1", "--max-examples", "25", "--workers", "1", "--no-color"])
            .args(["--phases", "examples,coverage,fuzzing", "--checks"])
            .arg(
                "not_a_server_error,status_code_conformance,content_type_conformance,\
                 response_schema_conformance,response_headers_conformance",
            )
            .args(ENDING.iter().flat_map(|operation| [selection, operation]));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{complaint}");
        if survives {
            // It worked with a token that was good to the end.
            server.get_as("/v1/admin/users", &token).await.is(200);
        }
    }
}
