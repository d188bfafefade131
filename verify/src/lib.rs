//! Verifies the access tokens of a [Signet](../README.md) issuer in a resource server.
//!
//! The core takes the header values of a request and the time, and returns [`Verified`] claims or a [`Refused`] code. It
//! depends on no web framework and reads no clock. Keys and the revocation feed are fetched through the trait [`Fetch`];
//! the feature `reqwest` provides an implementation, [`HttpFetch`], and [`follow`], a thread that keeps both current.
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")]
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use signet_verify::{HttpFetch, Request, Revocations, Trust, Verifier, follow, system_time};
//!
//! let trust = Trust {
//!     issuer: "https://id.example.com".to_owned(),
//!     audience: "https://api.example.com".to_owned(),
//!     name: "orders".to_owned(),
//!     revocations: Revocations::Closed,
//! };
//! let verifier = Arc::new(Verifier::new(trust, HttpFetch::new()?)?);
//! // Fetch keys and feed before the first request.
//! let _ = verifier.poll(system_time()).await;
//! let _following = follow(Arc::clone(&verifier))?;
//!
//! // For each request: every value of its `Authorization` header.
//! let authorization: &[&[u8]] = &[b"Bearer eyJ..."];
//! match verifier.verify(&Request::bearer(authorization), system_time()).await {
//!     Ok(verified) => println!("{}", verified.claims.sub),
//!     Err(refused) => println!("{} {:?}", refused.status(), refused.challenge(None)),
//! }
//! # Ok(()) }
//! ```
//!
//! Times are whole seconds since the Unix epoch.

mod authorization;
mod claims;
mod dpop;
mod feed;
mod fetch;
#[cfg(feature = "reqwest")]
mod http;
mod json;
mod jws;
mod key;
mod keys;
mod refused;
mod replay;
mod revoked;
mod uri;
mod verifier;
mod warnings;

#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use fetch::{Fetch, FetchError, FetchFuture, Fetched};
#[cfg(feature = "reqwest")]
pub use http::{Following, HttpFetch, follow, system_time};
pub use refused::{Code, Refused};
pub use revoked::{Cut, RevokedSet, Token};
pub use verifier::{
    PollError, Proof, Request, Revocations, Stats, Trust, TrustError, Verified, Verifier,
};
