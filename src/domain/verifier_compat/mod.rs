//! Compatibility of third-party verifiers: their algorithms, and their caching of keys.
//!
//! Facts about released software and the messages built from them, so that all interfaces warn alike. The actual
//! verifiers are counted elsewhere.

pub mod algorithms;
pub mod caching;
