//! Issuing, validating and refreshing tokens.
//!
//! A layer below the use cases, independent of endpoints, grants and pages.

pub mod api_key;
pub mod identity;
pub mod issue;
pub mod lineage;
pub mod refresh;
pub mod rejection;
pub mod revocation_feed;
pub mod validate;
