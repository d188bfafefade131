//! Requests as spans, sent to an OpenTelemetry collector (OTLP over HTTP, protobuf).
//!
//! Owns which data about a request leaves the process: exactly that of its log line. The OpenTelemetry SDK owns the
//! queue, the batches and the encoding. Sending never blocks: a span is dropped if the queue is full.

mod collector;

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor as _};

use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::config::SpanSettings;
use crate::domain::trace::Trace;
use collector::Collector;

/// The timeout of the last batch when the server stops.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// Sends spans, in batches of at most 512, every five seconds or when 512 are waiting.
pub struct Spans {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    share: f64,
}

/// A completed request.
pub struct RequestSpan<'a> {
    /// The trace and span ids.
    pub trace: Trace,
    /// When it arrived.
    pub started: Timestamp,
    /// The time until the head of the response.
    pub elapsed: Duration,
    /// The request id, as in the log and the response.
    pub request_id: &'a str,
    /// The HTTP method, of a short list.
    pub method: &'static str,
    /// The pattern of its route.
    pub route: &'static str,
    /// The status of the response.
    pub status: u16,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The user of the access token.
    pub user_id: Option<UserId>,
    /// The client of the access token.
    pub client_id: Option<&'a str>,
    /// The error code of the response.
    pub code: Option<&'static str>,
}

impl Spans {
    /// Starts the thread that sends. Needs a runtime, in which the requests to the collector are made.
    ///
    /// # Errors
    /// A readable message when no HTTP client can be created, or the collector's address is unusable.
    pub fn start(settings: &SpanSettings) -> Result<Self, String> {
        let headers = settings.headers.iter();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Collector::new()?)
            .with_endpoint(settings.endpoint.as_str())
            .with_headers(
                headers.map(|(name, value)| (name.clone(), value.expose().clone())).collect(),
            )
            .build()
            .map_err(|error| error.to_string())?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty().with_service_name("signet");
        processor.set_resource(&resource.with_attribute(version).build());
        let scope = InstrumentationScope::builder("signet").build();
        Ok(Self { processor, scope, share: settings.sample })
    }

    /// The fraction of locally started traces that are sent, from 0 to 1.
    #[must_use]
    pub const fn share(&self) -> f64 {
        self.share
    }

    /// Queues the span of a request, if its trace is sampled.
    pub fn send(&self, request: &RequestSpan<'_>) {
        if !request.trace.is_sampled() {
            return;
        }
        let (trace, parent) = (&request.trace, request.trace.parent_id());
        let context = SpanContext::new(
            TraceId::from_bytes(trace.trace_id().bytes()),
            SpanId::from_bytes(trace.span_id().bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let start_time = time(request.started);
        self.processor.on_end(SpanData {
            span_context: context,
            parent_span_id: parent.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.bytes())),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: format!("{} {}", request.method, request.route).into(),
            start_time,
            end_time: start_time + request.elapsed,
            attributes: attributes(request),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            // A 4xx is not an error of the server (semantic conventions for HTTP spans).
            status: if request.status < 500 { Status::Unset } else { Status::error("") },
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Sends the waiting spans, for at most five seconds. Blocks.
    pub fn finish(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(LAST_BATCH) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn attributes(request: &RequestSpan<'_>) -> Vec<KeyValue> {
    let text = |name: &'static str, value: String| KeyValue::new(name, Value::from(value));
    let mut all = vec![
        KeyValue::new("http.request.method", request.method),
        KeyValue::new("http.route", request.route),
        KeyValue::new("http.response.status_code", i64::from(request.status)),
        text("signet.request_id", request.request_id.to_owned()),
    ];
    all.extend(request.address.map(|address| text("client.address", address.to_string())));
    all.extend(request.user_id.map(|user| text("user.id", user.to_string())));
    all.extend(request.client_id.map(|client| text("signet.client_id", client.to_owned())));
    all.extend(request.code.map(|code| KeyValue::new("error.type", code)));
    all
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0))
}
