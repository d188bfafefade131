//! Files with which an API verifies the tokens of its audience, and recipes for gateways.
//!
//! Owns the list, and what is put into a template. Which values an API has is for the caller to find out.

mod catalog;
mod render;
mod syntax;

pub use catalog::{SNIPPETS, Snippet, Tested};
pub use render::Values;
#[cfg(feature = "test-support")]
pub use syntax::{Constant, Syntax};
