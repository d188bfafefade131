//! `/admin/keys`: the signing keys, the resource servers that have fetched them, and their replacement after a
//! confirmation.

mod list;
pub mod retire;
pub mod rotate;

pub use list::get as list;
