//! Tokens: issuing, validating and refreshing them, for every protocol and every way in.
//!
//! A layer below the use cases: knows no endpoint, no grant and no page.

pub mod api_key;
pub mod identity;
pub mod issue;
pub mod lineage;
pub mod refresh;
pub mod rejection;
pub mod revocation_feed;
pub mod validate;
