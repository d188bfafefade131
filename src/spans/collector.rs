//! The HTTP client of the OpenTelemetry exporter.
//!
//! Owns what is logged when spans cannot be sent: the first failure of a series, and the first success after it.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use crate::http_client::CollectorClient;

/// A client for the collector. The exporter calls it from its own thread, which has no runtime.
#[derive(Debug)]
pub struct Collector {
    client: CollectorClient,
    runtime: Handle,
    fails: AtomicBool,
}

impl Collector {
    /// A client whose requests are made in this runtime.
    pub fn new() -> Result<Self, String> {
        let client = CollectorClient::new()?;
        Ok(Self { client, runtime: Handle::current(), fails: AtomicBool::new(false) })
    }

    fn note(&self, result: &Result<u16, String>) {
        let why = match result {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("the answer was {status}")),
            Err(error) => Some(error.clone()),
        };
        match (why, self.fails.load(Ordering::Relaxed)) {
            (Some(why), false) => tracing::warn!(why, "spans cannot be sent to the collector"),
            (None, true) => tracing::info!("spans are sent to the collector again"),
            (Some(_), true) | (None, false) => return,
        }
        self.fails.fetch_not(Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send(request).await });
        let result = sent.await.map_err(|error| error.to_string()).flatten();
        self.note(&result);
        Ok(Response::builder().status(result?).body(Bytes::new())?)
    }
}
