//! A cache of results about tokens, by token hash.
//!
//! Owns invalidation: a change of keys, APIs or clients empties the cache.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::opaque_token::TokenHash;

/// The most entries of a generation; the cache holds two.
const KEEP: usize = 8 * 1024;

/// Bounded; a full young generation replaces the old one.
pub struct TokenCache<T>(Mutex<Generations<T>>);

struct Generations<T> {
    version: i64,
    young: HashMap<[u8; 32], T>,
    old: HashMap<[u8; 32], T>,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { version: 0, young: HashMap::new(), old: HashMap::new() }
    }
}

impl<T> Default for TokenCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> TokenCache<T> {
    /// The entry of the token, if it was derived from this version of keys, APIs and clients.
    #[must_use]
    pub fn get(&self, token: &TokenHash, version: i64) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version {
            return None;
        }
        if let Some(known) = kept.young.get(token.digest()) {
            return Some(known.clone());
        }
        let known = kept.old.remove(token.digest())?;
        kept.keep(token, known.clone());
        Some(known)
    }

    /// Stores a result with the cache version that was read before computing it, so that a change in between invalidates it.
    pub fn keep(&self, token: &TokenHash, version: i64, known: T) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version < kept.version {
            return;
        }
        if version > kept.version {
            *kept = Generations { version, ..Generations::default() };
        }
        kept.keep(token, known);
    }
}

impl<T> Generations<T> {
    fn keep(&mut self, token: &TokenHash, known: T) {
        if self.young.len() >= KEEP {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(*token.digest(), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u32) -> TokenHash {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash::from_digest(digest)
    }

    #[test]
    fn an_entry_counts_for_the_version_it_was_found_out_under() {
        let cache = TokenCache::default();
        cache.keep(&hash(1), 3, "ada");
        assert_eq!(cache.get(&hash(1), 3), Some("ada"));
        assert_eq!(cache.get(&hash(2), 3), None);
        for other in [2, 4] {
            assert_eq!(cache.get(&hash(1), other), None);
        }
        // Verified by keys that have been replaced since.
        cache.keep(&hash(2), 2, "eve");
        assert_eq!(cache.get(&hash(2), 2), None);
        assert_eq!(cache.get(&hash(2), 3), None);
        cache.keep(&hash(3), 4, "bob");
        assert_eq!(cache.get(&hash(1), 3), None);
        assert_eq!(cache.get(&hash(1), 4), None);
        assert_eq!(cache.get(&hash(3), 4), Some("bob"));
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_tokens_that_are_used_again() {
        let cache = TokenCache::default();
        cache.keep(&hash(0), 1, "regular");
        for number in 1..100_000 {
            cache.keep(&hash(number), 1, "passer-by");
            if number % 1000 == 0 {
                assert!(cache.get(&hash(0), 1).is_some(), "{number}");
            }
        }
        let kept = cache.0.lock().unwrap();
        assert!(kept.young.len() <= KEEP && kept.old.len() <= KEEP);
    }
}
