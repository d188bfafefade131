//! Cache of access tokens whose signature has been verified.
//!
//! Verifying a signature costs more than everything else a request with a token needs, and clients
//! present the same token until it expires. Only the signature is cached: whether session, user and
//! client are active is read for every request, and a change of keys, APIs or clients empties the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::opaque_token::TokenHash;
use crate::domain::claims::VerifiedClaims;

use super::Audience;

/// The most entries of a generation; the cache holds two.
const KEEP: usize = 8 * 1024;

/// An access token with a valid signature. Whether its session is active is not known yet.
#[derive(Clone)]
pub struct VerifiedToken {
    /// What it says.
    pub claims: Arc<VerifiedClaims>,
    /// Whom it is for.
    pub audience: Arc<Audience>,
}

/// Bounded; a full young generation replaces the old one.
#[derive(Default)]
pub struct VerifiedTokenCache(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    version: i64,
    young: HashMap<[u8; 32], VerifiedToken>,
    old: HashMap<[u8; 32], VerifiedToken>,
}

impl VerifiedTokenCache {
    /// The token, if it was verified under this version of keys, APIs and clients.
    #[must_use]
    pub fn get(&self, token: &TokenHash, version: i64) -> Option<VerifiedToken> {
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

    /// Stores a token that was verified under this version, which was read before it was verified.
    pub fn keep(&self, token: &TokenHash, version: i64, token_data: VerifiedToken) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version < kept.version {
            return;
        }
        if version > kept.version {
            *kept = Generations { version, ..Generations::default() };
        }
        kept.keep(token, token_data);
    }
}

impl Generations {
    fn keep(&mut self, token: &TokenHash, token_data: VerifiedToken) {
        if self.young.len() >= KEEP {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(*token.digest(), token_data);
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

    fn verified(sub: &str) -> VerifiedToken {
        let claims = serde_json::json!({"sub": sub, "scope": "", "exp": 2, "iat": 1});
        let claims = Arc::new(serde_json::from_value(claims).unwrap());
        VerifiedToken { claims, audience: Arc::new(Audience::issuer()) }
    }

    fn sub(known: Option<VerifiedToken>) -> Option<String> {
        known.map(|known| known.claims.sub.clone())
    }

    #[test]
    fn a_token_is_cached_for_the_version_it_was_verified_under() {
        let cache = VerifiedTokenCache::default();
        cache.keep(&hash(1), 3, verified("ada"));
        assert_eq!(sub(cache.get(&hash(1), 3)), Some("ada".to_owned()));
        assert_eq!(sub(cache.get(&hash(2), 3)), None);
        for other in [2, 4] {
            assert_eq!(sub(cache.get(&hash(1), other)), None);
        }
        // Verified by keys that have been replaced since.
        cache.keep(&hash(2), 2, verified("eve"));
        assert_eq!(sub(cache.get(&hash(2), 2)), None);
        assert_eq!(sub(cache.get(&hash(2), 3)), None);
        cache.keep(&hash(3), 4, verified("bob"));
        assert_eq!(sub(cache.get(&hash(1), 3)), None);
        assert_eq!(sub(cache.get(&hash(1), 4)), None);
        assert_eq!(sub(cache.get(&hash(3), 4)), Some("bob".to_owned()));
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_tokens_that_are_used_again() {
        let cache = VerifiedTokenCache::default();
        cache.keep(&hash(0), 1, verified("regular"));
        for number in 1..100_000 {
            cache.keep(&hash(number), 1, verified("passer-by"));
            if number % 1000 == 0 {
                assert!(cache.get(&hash(0), 1).is_some(), "{number}");
            }
        }
        let kept = cache.0.lock().unwrap();
        assert!(kept.young.len() <= KEEP && kept.old.len() <= KEEP);
    }
}
