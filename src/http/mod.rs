//! The HTTP layer: from bytes to a use case and back.
//!
//! Owns routing, parsing, headers and the rendering of every response. Makes no decisions: a handler parses,
//! calls one use case and renders. Must not call the store.

mod accepted;
pub mod api;
mod audit_export;
mod audit_params;
mod body;
mod client_ip;
mod context;
mod cookie;
mod cors;
mod error;
mod etag;
mod extract;
mod fallback;
mod health;
mod json_members;
mod middleware;
mod oauth;
pub mod openapi;
mod params;
mod path_kinds;
mod read_only;
mod request_ids;
mod route;
pub mod routes;
pub mod ui;
mod well_known;

pub use health::{begin_counting, metrics_text};
pub use middleware::handle;
pub use routes::{configure, limits};
pub use well_known::Rendered;
