//! How documents of the issuer are fetched, whatever the HTTP client is.

use std::fmt;
use std::pin::Pin;

/// A document.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes, inflated.
    pub body: Vec<u8>,
    /// How long it may be kept, in seconds (`Cache-Control: max-age`).
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

/// A fetch under way.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send>>;

/// Fetches documents of the issuer.
///
/// An implementation ends within seconds, follows no redirect, accepts no other status than 200, and stops reading after
/// `limit` bytes, counted after inflating.
pub trait Fetch: Send + Sync + 'static {
    /// Begins a `GET`. Nothing about a request of a client is in `url`.
    fn get(&self, url: String, limit: usize) -> FetchFuture;
}
