//! Files that make an API verify the tokens of its audience, or a gateway ask for it.
//!
//! Owns the list, and what is put into a template. Which values an API has is for the caller to find out.

mod catalog;
mod render;
mod syntax;

pub use catalog::{SNIPPETS, Snippet, Tested};
pub use render::Values;
#[cfg(feature = "test-support")]
pub use syntax::{Constant, Syntax};
