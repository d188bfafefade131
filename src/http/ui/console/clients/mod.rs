//! `/admin/clients`: the applications and their actions.

pub mod action;
pub mod admin_keys;
pub mod admin_scopes;
mod list;
pub mod new;
mod one;

pub use list::get as list;
pub use one::get as show;
