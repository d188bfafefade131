//! The description of the API and of its errors, compared with the running server.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::managed::ManagedKind;
use signet::domain::outcome::Code;
use signet::http::openapi::document;
use signet::http::routes::{Access, TABLE};
use signet::store::clients;
use signet::store::managed::{self, Managed};

use crate::support::packages::{copy_of, have, npm_ci, venv};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Options, Tokens};
use crate::support::{Backend, Server, require};

const ERRORS: &str = include_str!("../../../docs/errors.md");
const ISSUER: &str = "https://login.example.org";

/// The paths of pages. Every other route has a description, which the route table enforces.
const PAGES: &[&str] = &[
    "/",
    "/.well-known/change-password",
    "/account",
    "/admin",
    "/assets",
    "/consent",
    "/device",
    "/favicon.ico",
    "/inspect",
    "/language",
    "/link",
    "/login",
    "/logout",
    "/oauth2/authorize",
    "/oauth2/logout",
    "/recover",
    "/setup",
    "/signup",
];

fn is_page(path: &str) -> bool {
    PAGES.iter().any(|page| {
        let rest = path.strip_prefix(page);
        rest.is_some_and(|rest| rest.is_empty() || (*page != "/" && rest.starts_with('/')))
    })
}

#[test]
fn document_describes_every_route_except_pages() {
    let document = document(ISSUER);
    let mut described = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let protected = operation["security"] == json!([{"bearer": []}]);
            // Gateways forward the token of their client.
            let own = path.starts_with("/v1/") && operation["tags"][0] != "gateways";
            let protected = protected && own;
            described.push((method.to_uppercase(), path.clone(), protected));
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is the id of two operations");
        }
    }
    let mut routes: Vec<_> = TABLE
        .iter()
        .filter(|route| !is_page(route.path))
        .map(|route| {
            let (method, path) = route.described();
            (method.to_owned(), path, route.access != Access::Anyone)
        })
        .collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
}

#[test]
fn document_declares_every_variable_of_a_path() {
    let document = document(ISSUER);
    for (path, operations) in document["paths"].as_object().unwrap() {
        let variables: Vec<&str> =
            path.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let declared: Vec<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(declared, variables, "{method} {path}");
        }
    }
}

#[test]
fn document_passes_redocly_lint() {
    let Some(node) = have("node", "node") else { return };
    let folder = copy_of("tests/openapi-lint");
    if !npm_ci(&folder) {
        return require::missing("node", "the packages of tests/openapi-lint cannot be installed");
    }
    let lint = |document: Value| {
        let mut command = Command::new(&node);
        command.arg("lint.mjs").current_dir(&folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(lint(document(ISSUER)), "");
    // The linter does find errors.
    let mut broken = document(ISSUER);
    broken["paths"]["/v1/login"]["post"].as_object_mut().unwrap().remove("security");
    let said = lint(broken);
    assert!(said.starts_with("error security-defined at #/paths/~1v1~1login/post"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_serves_the_document_with_an_entity_tag() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", ISSUER);
    let server = options.start().await;
    let answer = server.get("/v1/openapi.json").await;
    assert_eq!(answer.is(200).header("content-type"), "application/json");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400"
    );
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.json(), document(ISSUER));
    let request = server.request(Method::GET, "/v1/openapi.json");
    let again = server.send(request.header("if-none-match", answer.header("etag"))).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

/// A value that the schema of a member refuses, if there is one.
fn value_of_wrong_type(schema: &Value) -> Option<Value> {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        only => vec![only.clone()],
    };
    match (types.contains(&json!("object")), types.contains(&json!("array"))) {
        // Any JSON value is accepted here, and checked later.
        (true, true) => None,
        (true, false) => Some(json!(5)),
        (false, _) => Some(json!({})),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_member_of_a_json_body_is_read() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_LOGIN_CHANGE", "on");
    let server = options.start().await;
    let root = server.administrator("root").await;
    let id = root.claims()["sub"].as_str().unwrap().to_owned();
    let mut bodies = 0;
    for (path, operations) in document(ISSUER)["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(members) = body["properties"].as_object() else { continue };
            let wrong: serde_json::Map<String, Value> = members
                .iter()
                .filter_map(|(name, schema)| Some((name.clone(), value_of_wrong_type(schema)?)))
                .collect();
            let sent: BTreeSet<String> = wrong.keys().cloned().collect();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            // Any identifier of the right form will do: the body is parsed first.
            let path = path.replace("{id}", &id);
            let answer = server.call_as(method, &path, &root.access, Value::Object(wrong)).await;
            let problem = answer.is_problem(422, "validation_failed").json();
            let named: BTreeSet<String> = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| error["field"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(named, sent, "{path}");
            bodies += 1;
        }
    }
    assert!(bodies >= 15, "{bodies}");
}

/// The sections of the page of errors: code and request, if there is a request that causes it.
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
    let new = json!({"login": "new", "password": "set by an administrator", "must_change_password": true});
    server.call_as(Method::POST, "/v1/admin/users", &root.access, new).await.is(201);
    let ada = server.login("ada").await;
    let used_up = server.login("ada").await.refresh;
    let next = Tokens::of(&server.refresh(&used_up).await).refresh;
    server.refresh(&next).await.is(200);
    server.register("tia").await;
    let tia = server.login("tia").await;
    Authenticator::enrol(&server, &tia).await;
    // As a configuration file would.
    let managed = json!({"client_id": "managed", "name": "Managed", "type": "spa", "redirect_uris": ["https://m.example.com/"]});
    server.call_as(Method::POST, "/v1/admin/clients", &root.access, managed).await.is(201);
    manage(&server, "managed").await;
    let environment = [
        ("TIA", tia.access),
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

/// Lets a configuration file manage a client.
async fn manage(server: &Server, client_id: &str) {
    let stored = clients::find(&mut server.app.db.reader().await.unwrap(), client_id)
        .await
        .unwrap()
        .unwrap();
    let row = Managed {
        kind: ManagedKind::Client,
        name: client_id.to_owned(),
        source: "infra/prod".to_owned(),
        object_id: stored.id,
        state: serde_json::Map::new(),
        reference: None,
        secret: None,
        applied_at: server.now(),
    };
    let mut tx = server.app.db.begin().await.unwrap();
    managed::put(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
}

/// Operations that can end the fuzzer's session; they get a run of their own.
const ENDING: &[&str] = &[
    "deleteUser",
    "disableUser",
    "endManySessions",
    "endSession",
    "endSessions",
    "endSessionsOfUser",
    "logout",
    "retireKey",
    "revokeSession",
    "setPassword",
    "updateUser",
];

/// A fuzzer that reads the description finds no 5xx and no response outside of it.
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
            // The token of the run was valid to its end.
            server.get_as("/v1/admin/users", &token).await.is(200);
        }
    }
}
