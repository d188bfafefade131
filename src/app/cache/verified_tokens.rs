//! Access tokens whose signature was checked a moment ago.
//!
//! Owns a bounded memory of what a token says and that it is genuine. A verification costs more than
//! everything else that is asked of a token that comes back, and the same token comes back for as long
//! as it lives. Nothing else is believed: whether its session, user and client are still there is asked
//! every time, and a change of keys, APIs or clients empties the memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::opaque_token::TokenHash;
use crate::domain::claims::VerifiedClaims;

use super::Audience;

/// How many are kept at most, twice: those that came lately and those before them.
const KEEP: usize = 8 * 1024;

/// A token of ours. Nothing is known of its session yet.
#[derive(Clone)]
pub struct VerifiedToken {
    /// What it says.
    pub claims: Arc<VerifiedClaims>,
    /// Whom it is for.
    pub audience: Arc<Audience>,
}

/// The memory. Full, it drops what has not come for longest, half of it at once.
#[derive(Default)]
pub struct VerifiedTokenCache(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    version: i64,
    young: HashMap<[u8; 32], VerifiedToken>,
    old: HashMap<[u8; 32], VerifiedToken>,
}

impl VerifiedTokenCache {
    /// What is known of a token, as concluded from this version of keys, APIs and clients.
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

    /// Remembers a token that was found good by this version, which was read before it was checked.
    pub fn keep(&self, token: &TokenHash, version: i64, genuine: VerifiedToken) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version < kept.version {
            return;
        }
        if version > kept.version {
            *kept = Generations { version, ..Generations::default() };
        }
        kept.keep(token, genuine);
    }
}

impl Generations {
    fn keep(&mut self, token: &TokenHash, genuine: VerifiedToken) {
        if self.young.len() >= KEEP {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(*token.digest(), genuine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api::Target;

    fn hash(number: u32) -> TokenHash {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash::from_digest(digest)
    }

    fn genuine(sub: &str) -> VerifiedToken {
        let claims = serde_json::json!({"sub": sub, "scope": "", "exp": 2, "iat": 1});
        let claims = Arc::new(serde_json::from_value(claims).unwrap());
        VerifiedToken {
            claims,
            audience: Arc::new(Audience { target: Target::Issuer, secret: None }),
        }
    }

    fn sub(known: Option<VerifiedToken>) -> Option<String> {
        known.map(|known| known.claims.sub.clone())
    }

    #[test]
    fn a_token_is_believed_by_the_version_it_was_checked_by_only() {
        let believed = VerifiedTokenCache::default();
        believed.keep(&hash(1), 3, genuine("ada"));
        assert_eq!(sub(believed.get(&hash(1), 3)), Some("ada".to_owned()));
        assert_eq!(sub(believed.get(&hash(2), 3)), None);
        for other in [2, 4] {
            assert_eq!(sub(believed.get(&hash(1), other)), None);
        }
        // Checked by keys that are no longer in force when it is written down.
        believed.keep(&hash(2), 2, genuine("eve"));
        assert_eq!(sub(believed.get(&hash(2), 2)), None);
        assert_eq!(sub(believed.get(&hash(2), 3)), None);
        believed.keep(&hash(3), 4, genuine("bob"));
        assert_eq!(sub(believed.get(&hash(1), 3)), None);
        assert_eq!(sub(believed.get(&hash(1), 4)), None);
        assert_eq!(sub(believed.get(&hash(3), 4)), Some("bob".to_owned()));
    }

    #[test]
    fn whatever_comes_it_does_not_grow_and_keeps_what_comes_again() {
        let believed = VerifiedTokenCache::default();
        believed.keep(&hash(0), 1, genuine("regular"));
        for number in 1..100_000 {
            believed.keep(&hash(number), 1, genuine("passer-by"));
            if number % 1000 == 0 {
                assert!(believed.get(&hash(0), 1).is_some(), "{number}");
            }
        }
        let kept = believed.0.lock().unwrap();
        assert!(kept.young.len() <= KEEP && kept.old.len() <= KEEP);
    }
}
