//! The description of the HTTP API (OpenAPI 3.1).
//!
//! Owns the one description of the requests and responses of each route: constants in `operations`, named in the
//! route table. The document is rendered from them, and a parser may consult them.

mod errors;
mod operation;
pub(super) mod operations;
mod render;
mod schema;

pub use operation::{Access, Operation, ReadOnlyMember};
pub use operations::FORCE;
pub use render::document;
