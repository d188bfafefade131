//! The ids of a request: its own, and those of its trace.

use std::cell::RefCell;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName};

use crate::app::App;
use crate::base::entropy::Entropy;
use crate::domain::trace::Trace;
#[cfg(feature = "otlp")]
use crate::spans::Spans;

/// The header of the request's id, in requests and responses.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of the trace (W3C Trace Context §3.2).
const TRACEPARENT: &str = "traceparent";

/// A valid id sent with the request, so that callers can correlate it; else a new one.
pub(super) fn request_id(headers: &HeaderMap, app: &App) -> String {
    let came = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match came {
        Some(id) if is_request_id(id) => id.to_owned(),
        _ => uuid::Builder::from_random_bytes(random(app)).into_uuid().simple().to_string(),
    }
}

/// The trace that a request belongs to: that of its `traceparent` header if a trusted proxy sent it, else a new
/// one. Otherwise any caller could add its requests to the traces of others.
pub(super) fn trace(request: &ServiceRequest, app: &App) -> Trace {
    let new = Trace::begun(random(app));
    #[cfg(feature = "otlp")]
    let new = new.sampled_at(app.spans.get().map_or(0.0, Spans::share));
    let mut headers = request.headers().get_all(TRACEPARENT);
    let Some(header) = headers.next().and_then(|value| value.to_str().ok()) else { return new };
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let trusted = |peer| app.config.trusted_proxies.iter().any(|net| net.contains(&peer));
    // Several headers are treated as none (W3C Trace Context §3.2).
    if !peer.is_some_and(trusted) || headers.next().is_some() {
        return new;
    }
    new.continued(header).unwrap_or(new)
}

fn random<const N: usize>(app: &App) -> [u8; N] {
    ID_BYTES.with_borrow_mut(|stock| stock.take(&*app.entropy))
}

/// Random bytes for the ids of requests, fetched for many ids at once: an id is not a secret, and calling the
/// generator costs more than the rest of the work.
struct Stock {
    bytes: [u8; 1024],
    used: usize,
}

thread_local! {
    static ID_BYTES: RefCell<Stock> =
        const { RefCell::new(Stock { bytes: [0; 1024], used: 1024 }) };
}

impl Stock {
    fn take<const N: usize>(&mut self, entropy: &dyn Entropy) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            entropy.fill(&mut self.bytes);
            self.used = 0;
        }
        let mut id = [0; N];
        id.copy_from_slice(&self.bytes[self.used..self.used + N]);
        self.used += N;
        id
    }
}

fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
