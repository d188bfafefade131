//! Spans: which requests are sent to an OpenTelemetry collector, and their attributes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::ports::free_address;
use crate::support::postgres;
use crate::support::process::{Caller, Launch, Process};
use crate::support::server::{Backend, PASSWORD, on_both};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The attributes of a span, and the members of the log line of the same request.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("http.request.method", "method"),
    ("http.route", "route"),
    ("http.response.status_code", "status"),
    ("signet.request_id", "request_id"),
    ("client.address", "address"),
    ("user.id", "user_id"),
    ("signet.client_id", "client_id"),
    ("error.type", "code"),
];

/// A request to a collector: the head and the body.
type Posted = (String, Vec<u8>);

/// A collector that answers every request with a status.
struct Collector {
    port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Collector {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posted);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let posted = receive(stream.unwrap(), status);
                kept.lock().unwrap().push(posted);
            }
        });
        Self { port, posted }
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All spans, and the attributes of the server.
    fn spans(&self) -> (Vec<Span>, Vec<KeyValue>) {
        let posted = self.posted.lock().unwrap();
        let bodies =
            posted.iter().map(|(_, body)| ExportTraceServiceRequest::decode(&**body).unwrap());
        let resources: Vec<_> = bodies.flat_map(|request| request.resource_spans).collect();
        let described = resources[0].resource.clone().unwrap().attributes;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        (scopes.flat_map(|scope| scope.spans).collect(), described)
    }

    fn head(&self) -> String {
        self.posted.lock().unwrap()[0].0.to_ascii_lowercase()
    }
}

fn receive(mut stream: TcpStream, status: u16) -> Posted {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "a request without a body: {head}");
    }
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
    (head, body)
}

async fn launch(backend: Backend, collector: &str) -> Launch {
    let mut launch = Launch::new()
        .with("SIGNET_LOG_FORMAT", "json")
        .with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")
        .with("SIGNET_PROXY_HEADER", "x-forwarded-for")
        .with("SIGNET_OTLP_ENDPOINT", collector);
    if backend == Backend::Postgres {
        launch = launch.with("SIGNET_DATABASE_URL", &postgres::fresh_database().await.unwrap());
    }
    launch
}

/// A failing log-in with this request id, optionally in the trace of a proxy.
async fn fail(caller: &Caller, id: &str, flags: Option<&str>) {
    let body = json!({"login": "secret-login", "password": PASSWORD});
    let mut request =
        caller.client.post(format!("{}/v1/login?x=secret-query", caller.base)).json(&body);
    request = request.header("x-request-id", id).header("x-forwarded-for", "192.0.2.7");
    if let Some(flags) = flags {
        request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"));
    }
    assert!(caller.try_send(request).await.unwrap().status >= 400);
}

/// Stops the server, which sends the queued spans. Returns its log.
async fn end(mut server: Process) -> String {
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    server.all_of_log()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn value(value: Option<AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::IntValue(number)) => json!(number),
        other => panic!("{other:?}"),
    }
}

fn line(log: &str, id: &str) -> Value {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["request_id"] == id && line["message"] == "request").unwrap()
}

/// Each span equals the log line of its request: ids, route, status and caller, and nothing else. If a trusted proxy
/// has not sampled the trace, the request is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_span_says_what_the_log_line_of_its_request_says() {
    on_both("spans", async |backend| {
        let collector = Collector::start(200);
        let launch = launch(backend, &collector.address()).await;
        let launch = launch.with("SIGNET_OTLP_HEADERS", "Authorization=Basic dTpw");
        let server = launch.start().await;
        let caller = server.caller();
        fail(&caller, "own", None).await;
        fail(&caller, "recorded", Some("01")).await;
        fail(&caller, "unrecorded", Some("00")).await;
        let log = end(server).await;

        let head = collector.head();
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(head.contains("\r\nauthorization: basic dtpw\r\n"), "{head}");
        let (spans, described) = collector.spans();
        let described: Vec<_> =
            described.into_iter().map(|one| (one.key, value(one.value))).collect();
        assert!(described.contains(&("service.name".to_owned(), json!("signet"))), "{described:?}");
        let mut ids = Vec::new();
        for span in spans {
            let mut line_of_span = json!({});
            for attribute in span.attributes.clone() {
                let known = ATTRIBUTES.iter().find(|(name, _)| *name == attribute.key);
                line_of_span[known.unwrap_or_else(|| panic!("{}", attribute.key)).1] =
                    value(attribute.value);
            }
            let id = line_of_span["request_id"].as_str().unwrap().to_owned();
            let line = line(&log, &id);
            for (_, member) in ATTRIBUTES {
                assert_eq!(line_of_span[member], line[member], "{id}: {member}");
            }
            assert_eq!(hex(&span.trace_id), line["trace_id"], "{id}");
            assert_eq!(hex(&span.span_id), line["span_id"], "{id}");
            assert_eq!(hex(&span.parent_span_id), line["parent_id"].as_str().unwrap_or(""), "{id}");
            assert_eq!(span.kind(), SpanKind::Server);
            let name =
                format!("{} {}", line["method"].as_str().unwrap(), line["route"].as_str().unwrap());
            assert_eq!(span.name, name);
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
            ids.push(id);
        }
        assert!(ids.contains(&"own".to_owned()) && ids.contains(&"recorded".to_owned()), "{ids:?}");
        assert!(!ids.contains(&"unrecorded".to_owned()), "{ids:?}");
        for (_, body) in &*collector.posted.lock().unwrap() {
            let body = String::from_utf8_lossy(body);
            for secret in ["secret-login", "secret-query", PASSWORD] {
                assert!(!body.contains(secret), "{secret}");
            }
        }
    })
    .await;
}

/// With a fraction of 0, only requests that a trusted proxy has sampled are sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_zero_leaves_the_choice_to_proxies() {
    on_both("spans: share", async |backend| {
        let collector = Collector::start(200);
        let launch = launch(backend, &collector.address()).await.with("SIGNET_OTLP_SAMPLE", "0");
        let server = launch.start().await;
        let caller = server.caller();
        for id in ["a", "b", "c"] {
            fail(&caller, id, None).await;
        }
        fail(&caller, "recorded", Some("01")).await;
        end(server).await;
        let (spans, _) = collector.spans();
        assert_eq!(spans.len(), 1);
        assert_eq!(hex(&spans[0].trace_id), TRACE);
    })
    .await;
}

/// A collector that refuses or is not running causes one log line, and the server serves and stops as usual.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_collector_serves() {
    on_both("spans: no collector", async |backend| {
        let refusing = Collector::start(503);
        let closed = free_address();
        for address in [refusing.address(), format!("http://{closed}")] {
            let launch = launch(backend, &address).await;
            let server = launch.start().await;
            fail(&server.caller(), "one", None).await;
            server.caller().get("/health").await.is(200);
            let log = end(server).await;
            assert_eq!(log.matches("spans cannot be sent to the collector").count(), 1, "{log}");
        }
    })
    .await;
}
