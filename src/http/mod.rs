//! The HTTP edge: from bytes to a use case and back.
//!
//! Owns routing, parsing, headers and the rendering of every answer. Decides nothing: a handler
//! parses, calls one use case and renders. Must not call the store.

pub mod api;
mod body;
mod context;
mod cookie;
mod cors;
mod edge;
mod error;
mod etag;
mod fallback;
mod fields;
mod oauth;
mod ops;
mod peer;
pub mod routes;
pub mod ui;
mod well_known;

pub use edge::edge;
pub use ops::metrics_text;
pub use routes::{configure, limits};
