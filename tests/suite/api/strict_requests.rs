//! Unknown members and parameters: every `/v1` operation of the description refuses them.

use reqwest::Method;
use serde_json::{Map, Value, json};
use signet::http::openapi::document;

use crate::support::server::Answer;
use crate::support::{Backend, Server, on_both, raw_status};

/// One operation below `/v1`, with the variables of its path filled in.
struct Described {
    method: Method,
    path: String,
    query: Vec<String>,
    members: Vec<String>,
    /// Whether its body, if it has one, is JSON.
    is_json: bool,
}

fn operations(id: &str) -> Vec<Described> {
    let document = document("https://login.example.org");
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/v1/") {
            continue;
        }
        for (method, operation) in methods.as_object().unwrap() {
            // Their path and query may be those of the client of a gateway.
            if operation["tags"][0] == "gateways" {
                continue;
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let resolved = parameters.iter().map(|parameter| match parameter["$ref"].as_str() {
                Some(name) => {
                    &document["components"]["parameters"][name.rsplit('/').next().unwrap()]
                }
                None => parameter,
            });
            let query = resolved.filter(|parameter| parameter["in"] == "query");
            let content = &operation["requestBody"]["content"];
            let body = &content["application/json"]["schema"];
            let members = body["properties"].as_object().cloned().unwrap_or_default();
            found.push(Described {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path
                    .replace("{id}", id)
                    .replace("{client_id}", "x")
                    .replace("{kid}", "x")
                    .replace("{factor_id}", id),
                query: query
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect(),
                members: members.keys().cloned().collect(),
                is_json: content.is_null() || !body.is_null(),
            });
        }
    }
    assert!(found.len() >= 35, "{}", found.len());
    found
}

/// The code and the sentence of a problem about `field`.
#[track_caller]
fn about(answer: &Answer, field: &str) -> (String, String) {
    let problem = answer.is_problem(422, "validation_failed").json();
    let errors = problem["errors"].as_array().unwrap();
    let found = errors.iter().find(|error| error["field"] == field);
    let found = found.unwrap_or_else(|| panic!("{field} is not named: {problem}"));
    (found["code"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_unknown_members_and_unknown_or_repeated_parameters() {
    on_both("strict requests: names", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let id = root.claims()["sub"].as_str().unwrap().to_owned();
        let audit = server.get_as("/v1/admin/audit", &root.access).await.is(200).json();
        for Described { method, path, query, members, is_json } in operations(&id) {
            let call = async |path: &str, body: Value| {
                server.call_as(method.clone(), path, &root.access, body).await
            };
            let unknown = call(&format!("{path}?no_such_parameter=1"), Value::Null).await;
            let (code, said) = about(&unknown, "no_such_parameter");
            assert_eq!(code, "unknown_name", "{method} {path}");
            for known in &query {
                assert!(said.contains(known.as_str()), "{method} {path}: {said}");
            }
            for name in query.iter().map(String::as_str).chain(["no_such_parameter"]) {
                let twice = call(&format!("{path}?{name}=1&{name}=2"), Value::Null).await;
                about(&twice, name);
            }
            for known in &query {
                let misspelt = call(&format!("{path}?{known}x=1"), Value::Null).await;
                let (_, said) = about(&misspelt, &format!("{known}x"));
                assert!(said.contains(&format!("Did you mean \"{known}\"?")), "{said}");
                let twice = call(&format!("{path}?{known}=1&{known}=1"), Value::Null).await;
                assert_eq!(about(&twice, known).0, "repeated_name", "{method} {path}");
            }
            if !is_json {
                continue;
            }
            let unknown = call(&path, json!({"no_such_member": 1})).await;
            assert_eq!(about(&unknown, "no_such_member").0, "unknown_name", "{method} {path}");
            for known in &members {
                let misspelt = format!("{known}x");
                let answer =
                    call(&path, Value::Object(Map::from_iter([(misspelt.clone(), json!(1))])))
                        .await;
                let (_, said) = about(&answer, &misspelt);
                assert!(said.contains("Did you mean") || said.contains("Accepted are"), "{said}");
            }
        }
        // None of them had an effect, and the session continues.
        assert_eq!(server.get_as("/v1/admin/audit", &root.access).await.is(200).json(), audit);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_there_twice_are_refused_and_all_faults_are_in_one_answer() {
    on_both("strict requests: faults", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let send = async |path: &str, body: &str| {
            let request = server.request(Method::POST, path).bearer_auth(&root.access);
            server
                .send(request.header("content-type", "application/json").body(body.to_owned()))
                .await
        };
        let twice =
            send("/v1/admin/users", r#"{"login":"eve","role":"user","role":"admin"}"#).await;
        assert_eq!(about(&twice, "role").0, "repeated_name");
        let several = send("/v1/admin/users", r#"{"rol":"admin","name":5,"Login":"eve"}"#).await;
        for (field, code) in [
            ("login", "missing"),
            ("name", "wrong_type"),
            ("rol", "unknown_name"),
            ("Login", "unknown_name"),
        ] {
            assert_eq!(about(&several, field).0, code);
        }
        // For any number of names the response is small, and comparing them is cheap.
        let many: Vec<String> = (0..6_000).map(|n| format!("\"m{n}\":1")).collect();
        let answer = send("/v1/login", &format!("{{{}}}", many.join(","))).await;
        assert!(
            answer.is_problem(422, "validation_failed").text.len() < 8 * 1024,
            "{}",
            answer.text
        );
        let users = server.get_as("/v1/admin/users", &root.access).await.json();
        assert_eq!(users["data"].as_array().unwrap().len(), 1);
        // An unknown filter is refused, not ignored.
        let filtered = server.get_as("/v1/admin/users?logon=bob", &root.access).await;
        assert_eq!(about(&filtered, "logon").0, "unknown_name");
        let head =
            server.request(Method::HEAD, "/v1/admin/users?logon=bob").bearer_auth(&root.access);
        assert_eq!(server.send(head).await.status, 422);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_where_none_is_read_is_empty_or_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let id = server.register("ada").await;
    let path = format!("/v1/admin/users/{id}/disable");
    let send = async |kind: &str, body: &str| {
        let request = server.request(Method::POST, &path).bearer_auth(&root.access);
        server.send(request.header("content-type", kind).body(body.to_owned())).await
    };
    send("application/json", "{}").await.is(200);
    send("application/x-www-form-urlencoded", "").await.is(200);
    send("application/json", "{\"reason\":1}").await.is_problem(422, "validation_failed");
    send("application/json", "[1]").await.is_problem(400, "malformed_request");
    send("text/plain", "x").await.is_problem(415, "unsupported_media_type");
    // In chunks, without a length in a header.
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{{\"reason\":1}}\r\n0\r\n\r\n",
        root.access
    );
    assert_eq!(raw_status(&server, &chunked).await, 422);
}

#[test]
fn document_closes_request_objects_and_leaves_answers_open() {
    let document = document("https://login.example.org");
    let closed = |value: &Value| value["additionalProperties"] == json!(false);
    let mut bodies = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let content = &operation["requestBody"]["content"];
            if let Some(body) = content.get("application/json") {
                assert!(closed(&body["schema"]), "{method} {path}");
                bodies += 1;
            }
            assert!(!operation["responses"].to_string().contains("additionalProperties\":false"));
        }
    }
    assert!(bodies >= 15, "{bodies}");
    assert!(!document["components"].to_string().contains("additionalProperties\":false"));
}
