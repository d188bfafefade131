//! The protocol: what tokens are issued and described.
//!
//! Owns issuing and metadata. The token pipeline and its grants come here. Must not know HTTP.

pub mod grants;
pub mod issue;
pub mod metadata;
