//! Access tokens whose signature was checked a moment ago.
//!
//! Owns a bounded memory of what a token says and that it is genuine. A verification costs more than
//! everything else that is asked of a token that comes back, and the same token comes back for as long
//! as it lives. Nothing else is believed: whether its session, user and client are still there is asked
//! every time, and a change of keys, APIs or clients empties the memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::token::TokenHash;
use crate::domain::claims::VerifiedClaims;

use super::Audience;

/// How many are kept at most, twice: those that came lately and those before them.
const KEEP: usize = 8 * 1024;

/// A token of ours. Nothing is known of its session yet.
#[derive(Clone)]
pub struct Genuine {
    /// What it says.
    pub claims: Arc<VerifiedClaims>,
    /// Whom it is for.
    pub audience: Arc<Audience>,
}

/// The memory. Full, it drops what has not come for longest, half of it at once.
#[derive(Default)]
pub struct Believed(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    version: i64,
    young: HashMap<[u8; 32], Genuine>,
    old: HashMap<[u8; 32], Genuine>,
}

impl Believed {
    /// What is known of a token, as concluded from this version of keys, APIs and clients.
    #[must_use]
    pub fn get(&self, token: &TokenHash, version: i64) -> Option<Genuine> {
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
    pub fn keep(&self, token: &TokenHash, version: i64, genuine: Genuine) {
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
    fn keep(&mut self, token: &TokenHash, genuine: Genuine) {
        if self.young.len() >= KEEP {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(*token.digest(), genuine);
    }
}
