//! `/admin/keys`: the signing keys, who holds them, and replacing them after a question.

mod list;
pub mod retire;
pub mod rotate;

pub use list::get as list;
