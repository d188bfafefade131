//! Other people's verifiers: which algorithms they know, and how they keep our keys.
//!
//! Owns what is known of released software and the sentences made of it, so that every door warns
//! alike. Knows nothing of the verifiers that really come; those are counted.

pub mod algorithms;
pub mod caching;
