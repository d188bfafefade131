//! What is around every page: its language and its brand.
//!
//! Owns what `base.html` reads. A page struct holds one and adds what is its own.

use crate::config::Brand;

use super::words::Words;

/// The language and the brand of a page.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The texts.
    pub words: Words,
    /// The name, the colours, the logo.
    pub brand: &'a Brand,
}

impl Frame<'_> {
    /// A text without values.
    #[must_use]
    pub fn t(&self, key: &str) -> &'static str {
        self.words.t(key)
    }

    /// A text with its one value, which the template escapes.
    #[must_use]
    pub fn with(&self, key: &str, name: &str, value: &str) -> String {
        self.words.with(key, &[(name, value)])
    }
}
