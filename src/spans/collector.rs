//! The way to the collector: the HTTP client that the exporter uses.
//!
//! Owns what is logged when spans cannot be sent: the first failure of a row, and the first success after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Client, StatusCode};
use tokio::runtime::Handle;

use crate::http_client;

/// How long a request to the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client for the collector. The exporter calls it from a thread of its own, which has no runtime.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    runtime: Handle,
    fails: AtomicBool,
}

impl Collector {
    /// A client whose requests are made in this runtime.
    pub fn new() -> Result<Self, String> {
        let client = http_client::builder().timeout(PATIENCE).build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { client, runtime: Handle::current(), fails: AtomicBool::new(false) })
    }

    fn note(&self, result: &Result<Response<Bytes>, HttpError>) {
        let why = match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the answer was {}", response.status().as_u16())),
            Err(error) => Some(error.to_string()),
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
        let sent = self.runtime.spawn(async move { send(&client, request).await });
        let result = sent.await.map_err(HttpError::from).flatten();
        self.note(&result);
        result
    }
}

/// The body of the answer is not read: a collector has nothing to say that would be acted on.
async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request)?;
    let answer = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(answer.status().as_u16())?;
    Ok(response)
}
