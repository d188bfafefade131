//! Signet, a standalone token-issuing server.
//!
//! `base` has the value types, `domain` the decisions, `store` and `crypto` the mechanisms, `identity`, `admin` and
//! `oauth` the use cases, `http` and `cli` the interfaces. Dependencies only point down; `docs/architecture.md` has
//! the map and walks along it.
//!
//! The library exists for the binary and exports only the command line, so that the compiler reports unused code.
//! The feature `test-support` exports every layer for the tests and the benchmarks.

#[cfg(not(feature = "test-support"))]
mod admin;
#[cfg(feature = "test-support")]
pub mod admin;
#[cfg(not(feature = "test-support"))]
mod app;
#[cfg(feature = "test-support")]
pub mod app;
#[cfg(not(feature = "test-support"))]
mod base;
#[cfg(feature = "test-support")]
pub mod base;
pub mod cli;
#[cfg(not(feature = "test-support"))]
mod config;
#[cfg(feature = "test-support")]
pub mod config;
#[cfg(not(feature = "test-support"))]
mod crypto;
#[cfg(feature = "test-support")]
pub mod crypto;
#[cfg(not(feature = "test-support"))]
mod domain;
#[cfg(feature = "test-support")]
pub mod domain;
#[cfg(not(feature = "test-support"))]
mod http;
#[cfg(feature = "test-support")]
pub mod http;
#[cfg(not(feature = "test-support"))]
mod http_client;
#[cfg(feature = "test-support")]
pub mod http_client;
#[cfg(not(feature = "test-support"))]
mod i18n;
#[cfg(feature = "test-support")]
pub mod i18n;
#[cfg(not(feature = "test-support"))]
mod identity;
#[cfg(feature = "test-support")]
pub mod identity;
#[cfg(not(feature = "test-support"))]
mod jobs;
#[cfg(feature = "test-support")]
pub mod jobs;
#[cfg(not(feature = "test-support"))]
mod mail;
#[cfg(feature = "test-support")]
pub mod mail;
#[cfg(not(feature = "test-support"))]
mod metrics;
#[cfg(feature = "test-support")]
pub mod metrics;
#[cfg(not(feature = "test-support"))]
mod oauth;
#[cfg(feature = "test-support")]
pub mod oauth;
#[cfg(not(feature = "test-support"))]
mod server;
#[cfg(feature = "test-support")]
pub mod server;
#[cfg(all(feature = "otlp", not(feature = "test-support")))]
mod spans;
#[cfg(all(feature = "otlp", feature = "test-support"))]
pub mod spans;
#[cfg(not(feature = "test-support"))]
mod store;
#[cfg(feature = "test-support")]
pub mod store;
#[cfg(not(feature = "test-support"))]
mod telemetry;
#[cfg(feature = "test-support")]
pub mod telemetry;
#[cfg(not(feature = "test-support"))]
mod tokens;
#[cfg(feature = "test-support")]
pub mod tokens;
#[cfg(not(feature = "test-support"))]
mod view;
#[cfg(feature = "test-support")]
pub mod view;
