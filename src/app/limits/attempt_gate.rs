//! Log-in attempts at one account in this process: counted one after the other, decided in parallel.
//!
//! An attempt that finds the limit of its account used up waits while other attempts are pending: a right
//! password gives its count back. The counts are in the database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

type Accounts = HashMap<Vec<u8>, Arc<Account>>;

/// The accounts with attempts under way, by the pseudonym under which attempts are counted.
#[derive(Clone, Default)]
pub struct AttemptGate(Arc<Mutex<Accounts>>);

#[derive(Default)]
struct Account {
    turn: Arc<tokio::sync::Mutex<()>>,
    undecided: AtomicUsize,
    decided: Notify,
}

/// A place at an account; given up when dropped.
struct Place {
    turns: AttemptGate,
    name: Vec<u8>,
    account: Arc<Account>,
}

/// The turn to be counted at an account. Later attempts wait until it is dropped or counted.
pub struct AttemptTurn {
    held: OwnedMutexGuard<()>,
    place: Place,
}

/// An attempt that was counted and is not decided yet; decided when dropped.
pub struct PendingAttempt(Place);

impl AttemptGate {
    /// Waits for the turn to be counted at the account named `name`.
    pub async fn take(&self, name: &[u8]) -> AttemptTurn {
        let account = Arc::clone(self.accounts().entry(name.to_owned()).or_default());
        let place = Place { turns: self.clone(), name: name.to_owned(), account };
        AttemptTurn { held: Arc::clone(&place.account.turn).lock_owned().await, place }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttemptTurn {
    /// Whether an attempt that was counted before is pending: its count may still be given back.
    #[must_use]
    pub fn may_change(&self) -> bool {
        self.place.account.undecided.load(Ordering::Acquire) > 0
    }

    /// Completes when one of those has been decided since this was last asked.
    pub async fn one_decided(&self) {
        self.place.account.decided.notified().await;
    }

    /// The attempt was counted: the next one's turn.
    #[must_use]
    pub fn counted(self) -> PendingAttempt {
        self.place.account.undecided.fetch_add(1, Ordering::AcqRel);
        drop(self.held);
        PendingAttempt(self.place)
    }
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        self.0.account.undecided.fetch_sub(1, Ordering::AcqRel);
        // Stored for the holder of the turn that is not waiting yet.
        self.0.account.decided.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut accounts = self.turns.accounts();
        // This one's and the map's: no other attempt is here, and none can come while it is locked.
        if Arc::strong_count(&self.account) == 2 {
            accounts.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_holder_of_the_turn_waits_for_pending_attempts() {
        let turns = AttemptGate::default();
        let first = turns.take(b"ada").await.counted();
        let second = turns.take(b"ada").await.counted();
        let turn = turns.take(b"ada").await;
        let behind = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.take(b"ada").await) }
        });
        // Another account is another queue.
        assert!(!turns.take(b"bob").await.may_change());
        assert!(turn.may_change());
        drop(first);
        turn.one_decided().await;
        assert!(turn.may_change());
        drop(second);
        turn.one_decided().await;
        assert!(!turn.may_change());
        assert!(!behind.is_finished());
        drop(turn);
        behind.await.unwrap();
        assert!(turns.accounts().is_empty());
    }
}
