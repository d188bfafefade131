//! `/admin/clients`: the applications, each with what is done to it.

pub mod action;
pub mod admin_keys;
pub mod admin_scopes;
mod list;
pub mod new;
mod one;

pub use list::get as list;
pub use one::get as show;
