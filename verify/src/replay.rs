//! Used DPoP proofs: each is accepted once (RFC 9449 §11.1).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::refused::Code;

/// The most stored proofs. A proof is only stored with a valid token that is bound to the same key.
const MOST: usize = 200_000;

/// The proofs that could be replayed, each by a hash, with the time after which it is refused anyway.
#[derive(Default)]
pub(crate) struct Replay(Mutex<Used>);

#[derive(Default)]
struct Used {
    until: HashMap<String, i64>,
    swept: i64,
}

impl Replay {
    /// Marks a proof as used.
    pub fn use_up(&self, proof: String, until: i64, now: i64) -> Result<(), Code> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.abs_diff(used.swept) >= 10 || used.until.len() >= MOST;
        if is_due {
            used.until.retain(|_, until| *until > now);
            used.swept = now;
        }
        if used.until.contains_key(&proof) {
            return Err(Code::BadProof);
        }
        if used.until.len() >= MOST {
            return Err(Code::Overloaded);
        }
        used.until.insert(proof, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_once_while_it_could_come_again() {
        let replay = Replay::default();
        assert_eq!(replay.use_up("a".into(), 160, 100), Ok(()));
        assert_eq!(replay.use_up("a".into(), 160, 159), Err(Code::BadProof));
        assert_eq!(replay.use_up("b".into(), 160, 159), Ok(()));
        assert_eq!(replay.use_up("c".into(), 300, 170), Ok(()));
        assert_eq!(replay.0.lock().unwrap().until.len(), 1);
    }

    #[test]
    fn remembered_proofs_are_bounded_and_expire() {
        let replay = Replay::default();
        for at in 0..MOST {
            replay.use_up(at.to_string(), 160, 100).unwrap();
        }
        assert_eq!(replay.use_up("more".into(), 160, 101), Err(Code::Overloaded));
        assert_eq!(replay.use_up("1".into(), 160, 101), Err(Code::BadProof));
        assert_eq!(replay.use_up("more".into(), 300, 160), Ok(()));
    }
}
