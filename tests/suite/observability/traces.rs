//! Traces (W3C Trace Context): whose `traceparent` is accepted, and where its ids appear.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::support::process::{Caller, Launch, Process, until};
use crate::support::relying_party::{App, Person};
use crate::support::server::{Backend, PASSWORD, on_both};
use crate::support::{Server, postgres};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

async fn start(backend: Backend, proxies: &str) -> (Launch, Process) {
    let mut launch = Launch::new().with("SIGNET_LOG_FORMAT", "json");
    if !proxies.is_empty() {
        launch = launch
            .with("SIGNET_TRUSTED_PROXIES", proxies)
            .with("SIGNET_PROXY_HEADER", "x-forwarded-for");
    }
    if backend == Backend::Postgres {
        launch = launch.with("SIGNET_DATABASE_URL", &postgres::fresh_database().await.unwrap());
    }
    let server = launch.start().await;
    (launch, server)
}

/// Sends a request with these headers. Returns its log line.
async fn line(server: &Process, caller: &Caller, id: &str, headers: &[(&str, &str)]) -> Value {
    let body = json!({"login": "nobody-there", "password": PASSWORD});
    let mut request = caller.client.post(format!("{}/v1/login", caller.base)).json(&body);
    request = request.header("x-request-id", id).header("x-forwarded-for", "192.0.2.7");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    caller.try_send(request).await.unwrap().is(401);
    let found = |log: String| {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["request_id"] == id && line["message"] == "request")
    };
    until("the log line", async || found(server.log()).is_some()).await;
    found(server.log()).unwrap()
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// The trace of a trusted proxy is continued: its id is in the log line of the request, with a span id of the
/// server and the proxy's span as parent; the audit line of the same request has both ids.
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_trusted_proxy_goes_on() {
    on_both("traceparent: trusted", async |backend| {
        let (_launch, server) = start(backend, "127.0.0.1").await;
        let caller = server.caller();
        let (first, second) = (traceparent("01"), traceparent("00"));
        let one = line(&server, &caller, "one", &[("traceparent", &first)]).await;
        let two = line(&server, &caller, "two", &[("traceparent", &second)]).await;
        for line in [&one, &two] {
            assert_eq!(line["trace_id"], TRACE);
            assert_eq!(line["parent_id"], SPAN);
            assert_ne!(line["span_id"], SPAN);
        }
        assert_ne!(one["span_id"], two["span_id"], "each request is a span of its own");
        let log = server.log();
        let audit = log.lines().find(|l| l.contains("\"audit\"") && l.contains("\"one\"")).unwrap();
        let audit: Value = serde_json::from_str(audit).unwrap();
        assert_eq!(audit["trace_id"], TRACE);
        assert_eq!(audit["span_id"], one["span_id"]);
    })
    .await;
}

/// A header of an untrusted caller, an invalid one, and two at once are ignored: the request begins a new trace.
#[tokio::test(flavor = "multi_thread")]
async fn other_headers_begin_a_new_trace() {
    on_both("traceparent: not believed", async |backend| {
        let good = traceparent("01");
        for proxies in ["", "192.0.2.0/24"] {
            let (_launch, server) = start(backend, proxies).await;
            let caller = server.caller();
            let line = line(&server, &caller, "stranger", &[("traceparent", &good)]).await;
            is_new(&line);
        }
        let (_launch, server) = start(backend, "127.0.0.1").await;
        let caller = server.caller();
        let upper = good.to_uppercase();
        let zeros = format!("00-{}-{SPAN}-01", "0".repeat(32));
        let long = format!("{good}-00");
        let mut seen = Vec::new();
        for (number, headers) in [
            vec![],
            vec![("traceparent", &*upper)],
            vec![("traceparent", &*zeros)],
            vec![("traceparent", &*long)],
            vec![("traceparent", &*good), ("traceparent", &*good)],
        ]
        .iter()
        .enumerate()
        {
            let line = line(&server, &caller, &format!("bad-{number}"), headers).await;
            is_new(&line);
            seen.push(line["trace_id"].as_str().unwrap().to_owned());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5, "each begins its own");
    })
    .await;
}

fn is_new(line: &Value) {
    let id = line["trace_id"].as_str().unwrap();
    assert!(id != TRACE && id.len() == 32, "{line}");
    assert_eq!(line["parent_id"], Value::Null);
}

/// Receives a posted form and answers 204.
fn received(listener: &std::net::TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("logout_token=") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&part[..read]);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    String::from_utf8(request).unwrap()
}

/// A logout notice to a client is a span of a new trace: its `traceparent` is well-formed.
#[tokio::test(flavor = "multi_thread")]
async fn logout_notices_carry_a_trace() {
    on_both("traceparent: outgoing", async |backend| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/logout", listener.local_addr().unwrap());
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let client = json!({"type": "web", "skip_consent": true, "backchannel_logout_uri": uri});
        let app = App::register(&server, &root, client).await;
        let ada = server.register("ada").await;
        app.tokens(&server, &Person::new(&server, "ada")).await;
        let request = std::thread::spawn(move || received(&listener));
        let path = format!("/v1/admin/users/{ada}/disable");
        server.call_as(reqwest::Method::POST, &path, &root.access, Value::Null).await.is(200);
        let request = tokio::task::spawn_blocking(move || request.join().unwrap()).await.unwrap();
        let header = request.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
        let parts: Vec<&str> = header.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert!(header.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')));
    })
    .await;
}
