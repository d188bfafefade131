//! `/admin/apis`: the resource servers, made, changed and removed.

pub mod edit;
mod list;
pub mod one;

pub use list::get as list;
