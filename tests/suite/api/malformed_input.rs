//! Malformed input: a 4xx, quickly, and the server continues.

use reqwest::Method;
use serde_json::{Value, json};
use signet::http::routes::{Access, TABLE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::process::{Launch, PATIENCE};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server};

#[track_caller]
fn is_4xx(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_too_deep_or_no_text() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let post = async |body: Vec<u8>| {
        let request = server.request(Method::POST, "/v1/login");
        server.send(request.header("content-type", "application/json").body(body)).await
    };
    let long = |n: usize| json!({"login": "ada", "password": "x".repeat(n)}).to_string();
    post(long(10_000_000).into_bytes()).await.is_problem(413, "payload_too_large");
    post(long(65_536).into_bytes()).await.is_problem(413, "payload_too_large");
    let too_long = post(long(1025).into_bytes()).await;
    too_long.is_problem(422, "validation_failed");
    assert_eq!(too_long.json()["errors"][0]["field"], "password");
    let deep = format!("{{\"login\":{}{}", "[".repeat(30_000), "]".repeat(30_000));
    post(deep.into_bytes()).await.is_problem(400, "malformed_request");
    post(vec![b'['; 60_000]).await.is_problem(400, "malformed_request");
    post(b"{\"login\":\"\xff\xfe\",\"password\":\"x\"}".to_vec())
        .await
        .is_problem(400, "malformed_request");
    for body in ["", "null", "[]", "\"x\"", "{", "{\"login\":\"ada\"}x", "{login:1}"] {
        post(body.as_bytes().to_vec()).await.is_problem(400, "malformed_request");
    }
    server.login("ada").await;
}

/// Every member of every body: missing, null and of other types. Each response names the member.
#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_missing_null_or_of_another_type() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let ada = server.register("ada").await;
    let user = format!("/v1/admin/users/{ada}");
    let password = format!("{user}/password");
    let body = json!({"identifier": "urn:api"});
    let api = server.call_as(Method::POST, "/v1/admin/apis", &root.access, body).await;
    let api = format!("/v1/admin/apis/{}", api.is(201).string("id"));
    let client = json!({"client_id": "shop", "name": "x", "type": "service"});
    server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await.is(201);
    let client = json!({"name": "x", "type": "web", "token_endpoint_auth_method": "private_key_jwt",
        "redirect_uris": ["https://a.example/"], "post_logout_redirect_uris": [],
        "backchannel_logout_uri": "https://a.example/", "web_origins": ["https://b.example"],
        "grant_types": ["refresh_token"], "scopes": ["a"], "audiences": ["urn:api"], "serves": [],
        "access_token_ttl": 300, "refresh_idle_ttl": 300, "refresh_max_ttl": 300,
        "id_token_signed_response_alg": "ES256", "skip_consent": false, "jwks": [],
        "token_endpoint_auth_method_pinned": true, "assertion_audience": "issuer", "pkce": "nonce",
        "client_uri": "https://a.example/", "security_profile": null, "id_token_claims": "scopes", "first_party": false});
    let choices: Vec<&str> = client.as_object().unwrap().keys().map(String::as_str).collect();
    let new_client = {
        let mut client = client.clone();
        client["client_id"] = json!("new");
        client
    };
    let of_new: Vec<&str> = choices[2..].iter().copied().chain(["client_id"]).collect();
    let cases: &[(Method, &str, Value, &[&str])] = &[
        (Method::POST, "/v1/register", json!({"login": "x1", "password": PASSWORD}), &[]),
        (
            Method::POST,
            "/v1/login",
            json!({"login": "ada", "password": PASSWORD, "audience": "a", "scope": "b",
                "client_id": "c"}),
            &["audience", "scope", "client_id"],
        ),
        (Method::POST, "/v1/refresh", json!({"refresh_token": "x"}), &[]),
        (
            Method::POST,
            "/v1/password",
            json!({"current_password": PASSWORD, "new_password": "x"}),
            &[],
        ),
        (Method::PATCH, "/v1/me", json!({"name": "x"}), &["name"]),
        (
            Method::POST,
            "/v1/admin/users",
            json!({"login": "x2", "password": PASSWORD, "name": "x", "role": "user",
                "roles": ["a"], "groups": ["a"], "claims": {}}),
            &["password", "name", "role", "roles", "groups", "claims"],
        ),
        (
            Method::PATCH,
            &user,
            json!({"name": "x", "role": "user", "roles": [], "groups": [], "claims": {}}),
            &["name", "role", "roles", "groups", "claims"],
        ),
        (Method::POST, &password, json!({"password": "x"}), &[]),
        (
            Method::POST,
            "/v1/admin/tokens/why",
            json!({"token": "x", "audience": "x", "at": "0"}),
            &["audience", "at"],
        ),
        (
            Method::POST,
            "/v1/admin/apis",
            json!({"identifier": "urn:x", "scopes": ["a"], "signing_alg": "ES256", "claims": ["roles"],
                "token_profile": "jwt", "access_token_ttl": 300}),
            &["scopes", "signing_alg", "claims", "token_profile", "access_token_ttl"],
        ),
        (
            Method::PATCH,
            &api,
            json!({"scopes": ["a"], "signing_alg": "ES256", "claims": ["roles"],
                "token_profile": "jwt", "access_token_ttl": 300, "new_secret": false}),
            &["scopes", "signing_alg", "claims", "token_profile", "access_token_ttl", "new_secret"],
        ),
        (Method::POST, "/v1/admin/clients", new_client, &of_new),
        (Method::PATCH, "/v1/admin/clients/shop", client.clone(), &choices),
        (
            Method::POST,
            "/v1/admin/clients/shop/rotate-secret",
            json!({"revoke_old": false}),
            &["revoke_old"],
        ),
    ];
    for (method, path, good, optional) in cases {
        for field in good.as_object().unwrap().keys() {
            let wrong = [json!(5), json!(1e308), json!(true), json!({"a": 1}), json!([[1]])];
            let absent = [None, Some(Value::Null)];
            let required = !optional.contains(&field.as_str());
            let values = wrong.into_iter().map(Some).chain(absent.into_iter().filter(|_| required));
            for value in values {
                // Claims are an object, and a flag may be true.
                let fits = |name, value: &Value| match name {
                    "claims" => value == &json!({"a": 1}) && path.contains("users"),
                    "new_secret"
                    | "revoke_old"
                    | "skip_consent"
                    | "first_party"
                    | "token_endpoint_auth_method_pinned" => value.is_boolean(),
                    _ => false,
                };
                if value.as_ref().is_some_and(|value| fits(field.as_str(), value)) {
                    continue;
                }
                let mut body = good.clone();
                match &value {
                    Some(value) => body[field] = value.clone(),
                    None => {
                        body.as_object_mut().unwrap().remove(field);
                    }
                }
                let answer = server.call_as(method.clone(), path, &root.access, body).await;
                answer.is_problem(422, "validation_failed");
                let errors = answer.json()["errors"].as_array().unwrap().clone();
                assert!(errors.iter().any(|e| e["field"] == **field), "{path} {field} {value:?}");
            }
        }
    }
}

/// Access: every route of the table, without a token and with the wrong ones.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_the_right_token() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": "https://api.example.com"});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let user = server.login("ada").await;
    let body =
        json!({"login": "root", "password": PASSWORD, "audience": "https://api.example.com"});
    let for_api = Tokens::of(&server.post("/v1/login", body).await);
    for route in TABLE.iter().filter(|route| route.access != Access::Anyone) {
        let path = route.path.replace("{id}", "00000000-0000-7000-8000-000000000000");
        let method: Method = route.method.parse().unwrap();
        let call = async |access: Option<&str>| {
            let mut request = server.request(method.clone(), &path).json(&json!({}));
            if let Some(access) = access {
                request = request.bearer_auth(access);
            }
            server.send(request).await
        };
        let bare = call(None).await;
        bare.is_problem(401, "invalid_token");
        assert_eq!(bare.header("www-authenticate"), r#"Bearer realm="signet""#, "{path}");
        for token in [for_api.access.as_str(), user.refresh.as_str(), "nonsense"] {
            call(Some(token)).await.is_problem(401, "invalid_token");
        }
        if matches!(route.access, Access::Admin(_)) {
            call(Some(&user.access)).await.is_problem(403, "insufficient_scope");
        }
    }
}

/// Requests that no HTTP library would send.
#[tokio::test(flavor = "multi_thread")]
async fn broken_http_is_refused_and_forgotten() {
    let server = Server::start(Backend::Sqlite).await;
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let huge_header =
        format!("GET /health HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(1_000_000));
    let many_headers = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n",
        (0..1000).map(|n| format!("x-{n}: y\r\n")).collect::<String>()
    );
    let long_url = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    let post = "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (what, sent) in [
        ("a huge header", huge_header.as_str()),
        ("many headers", &many_headers),
        ("a long address", &long_url),
        (
            "a length and chunks",
            &format!("{post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("two lengths", &format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nhello")),
        ("a bad length", &format!("{post}content-length: -1\r\n\r\n")),
        ("a bad chunk", &format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n")),
        ("no HTTP", "hello\r\n\r\n"),
        ("NUL in the path", "GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a space in a header name", "GET /health HTTP/1.1\r\nhost : x\r\na b: c\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(sent.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(PATIENCE, read).await;
        assert!(read.is_ok(), "{what}: no answer and no end");
        let text = String::from_utf8_lossy(&answer);
        let status = text.split(' ').nth(1).unwrap_or("closed").to_owned();
        assert!(status == "closed" || status.starts_with('4'), "{what}: {status}");
    }
    server.get("/health").await.is(200);
}

/// Malformed input of every kind and size: a 4xx at low cost, without memory growth.
#[tokio::test(flavor = "multi_thread")]
async fn rubbish_costs_neither_time_nor_memory() {
    let server = Launch::new().start().await;
    let caller = server.caller();
    let account = json!({"login": "ada", "password": PASSWORD});
    caller.post("/v1/register", &account).await.is(201);
    let tokens = caller.post("/v1/login", &account).await;
    let (access, refresh) = (tokens.string("access_token"), tokens.string("refresh_token"));
    let json = |text: String| ("/v1/login", None, text.into_bytes());
    let bearer = |token: String| ("/v1/me", Some(token), Vec::new());
    let cases: Vec<(&str, Option<String>, Vec<u8>)> = vec![
        json(json!({"login": "ada", "password": "x".repeat(10_000_000)}).to_string()),
        json(json!({"login": "ada", "password": "x".repeat(1_000_000)}).to_string()),
        json(json!({"login": "ada", "password": "x".repeat(60_000)}).to_string()),
        json(json!({"login": "a".repeat(60_000), "password": "x"}).to_string()),
        json(json!({"login": "\u{0130}".repeat(30_000), "password": "x"}).to_string()),
        json(
            json!({"login": "ada", "password": PASSWORD, "scope": "x ".repeat(30_000)}).to_string(),
        ),
        json(format!("{{\"login\":{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        json(format!("{{\"login\":{}{}", "[".repeat(30_000), "]".repeat(30_000))),
        json(format!("{{{}}}", vec!["\"a\":1"; 10_000].join(","))),
        json(format!("{{\"login\":{}}}", "9".repeat(60_000))),
        ("/v1/login", None, vec![0xff; 60_000]),
        (
            "/v1/refresh",
            None,
            format!("{{\"refresh_token\":\"{}\"}}", "srt_".repeat(15_000)).into(),
        ),
        ("/v1/refresh", None, json!({"refresh_token": format!("{refresh}A")}).to_string().into()),
        bearer("a".repeat(60_000)),
        bearer(".".repeat(60_000)),
        bearer(format!("{access}{}", "A".repeat(30_000))),
    ];
    let send = async |case: &(&str, Option<String>, Vec<u8>)| {
        let (path, token, body) = case;
        let method = if token.is_some() { Method::GET } else { Method::POST };
        let mut request = caller.client.request(method, format!("{}{path}", caller.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let request = request.header("content-type", "application/json").body(body.clone());
        // The connection of a body that is far too large may be closed before its sender reads the response.
        if let Some(answer) = caller.try_send(request).await {
            is_4xx(&answer, path);
        }
    };
    let mut sizes = Vec::new();
    let mut spent = vec![0; cases.len()];
    for _ in 0..10 {
        for (case, spent) in cases.iter().zip(&mut spent) {
            // The processor time of the server, without waiting.
            let before = server.cpu_ticks();
            for _ in 0..3 {
                send(case).await;
            }
            *spent += server.cpu_ticks() - before;
        }
        sizes.push(server.resident_kib());
    }
    eprintln!("hundredths of a second for 30 requests of each kind: {spent:?}");
    for (number, spent) in spent.into_iter().enumerate() {
        assert!(spent < 150, "case {number}: {spent} hundredths of a second for 30 requests");
    }
    // A leak grows in every round; the arenas of the allocator grow in some.
    let grown = sizes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).min().unwrap();
    assert!(grown < 128, "at least {grown} KiB more after each round: {sizes:?}");
    assert!(sizes[9] < sizes[0] + 50 * 1024, "{sizes:?}");
    caller.get_as("/v1/me", &access).await.is(200);
}
