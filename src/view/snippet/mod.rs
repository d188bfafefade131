//! Files with which an API verifies the tokens of its audience, and recipes for gateways.
//!
//! Owns the list, and the values in a template. The caller determines the values of an API.

mod catalog;
mod render;
mod syntax;

pub use catalog::{SNIPPETS, Snippet, Tested};
pub use render::Values;
#[cfg(feature = "test-support")]
pub use syntax::{Constant, Syntax};
