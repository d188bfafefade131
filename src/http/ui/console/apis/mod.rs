//! `/admin/apis`: creates, changes and removes resource servers.

pub mod edit;
mod list;
pub mod one;

pub use list::get as list;
