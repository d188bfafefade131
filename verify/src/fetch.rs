//! The interface for fetching documents of the issuer, independent of the HTTP client.

use std::fmt;
use std::pin::Pin;

/// A document.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes, inflated.
    pub body: Vec<u8>,
    /// How long it may be cached, in seconds (`Cache-Control: max-age`).
    pub max_age: Option<u32>,
}

/// Why there is no document.
#[derive(Debug, Clone)]
pub struct FetchError(pub String);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FetchError {}

/// A fetch in progress.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send>>;

/// Fetches documents of the issuer.
///
/// An implementation must end within seconds, follow no redirects, accept only status 200, and stop reading after
/// `limit` bytes, counted after decompression.
pub trait Fetch: Send + Sync + 'static {
    /// Begins a `GET`. `url` contains no data from requests of clients.
    fn get(&self, url: String, limit: usize) -> FetchFuture;
}
