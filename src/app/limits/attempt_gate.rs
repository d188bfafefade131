//! Attempts in progress in this process: reserved one at a time, decided in parallel.
//!
//! An attempt reserves before it is checked. If a limit is reached by reservations, and not by counted failures,
//! the attempt waits for a decision: a right password returns its reservation. The counts themselves are kept
//! elsewhere.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

type Limits = HashMap<Vec<u8>, Arc<State>>;

/// The limits with attempts in progress, by name.
#[derive(Clone, Default)]
pub struct AttemptGate(Arc<Mutex<Limits>>);

#[derive(Default)]
struct State {
    turn: Arc<tokio::sync::Mutex<()>>,
    pending: AtomicUsize,
    decisions: AtomicUsize,
    decided: Notify,
}

/// An attempt at one limit.
pub struct Attempt {
    gate: AttemptGate,
    name: Vec<u8>,
    state: Arc<State>,
}

/// The turn to reserve. Later attempts at the same limit wait until it is dropped.
pub type Turn = OwnedMutexGuard<()>;

/// An attempt that has reserved and is not decided yet; decided when dropped.
pub struct PendingAttempt {
    attempt: Attempt,
    /// Whether the holder of the turn is notified when it is dropped.
    wakes: bool,
}

impl AttemptGate {
    /// Begins an attempt at the limit of this name.
    #[must_use]
    pub fn enter(&self, name: &[u8]) -> Attempt {
        let state = Arc::clone(self.limits().entry(name.to_owned()).or_default());
        Attempt { gate: self.clone(), name: name.to_owned(), state }
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Waits for the turn to reserve.
    pub async fn turn(&self) -> Turn {
        Arc::clone(&self.state.turn).lock_owned().await
    }

    /// How many attempts have reserved and are undecided.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.state.pending.load(Ordering::Acquire)
    }

    /// The number of attempts that were decided since the beginning of the oldest one that is still in progress.
    #[must_use]
    pub fn decisions(&self) -> usize {
        self.state.decisions.load(Ordering::Acquire)
    }

    /// Completes when an attempt has been decided since this was last called. Only the holder of the turn calls it.
    pub async fn one_decided(&self) {
        self.state.decided.notified().await;
    }

    /// Reserves for this attempt.
    #[must_use]
    pub fn reserve(&self) -> PendingAttempt {
        self.state.pending.fetch_add(1, Ordering::AcqRel);
        PendingAttempt { attempt: self.gate.enter(&self.name), wakes: true }
    }
}

impl PendingAttempt {
    /// Withdraws the reservation without waking the holder of the turn, which is this attempt itself: it would
    /// otherwise reserve again in a loop.
    pub fn withdraw(mut self) {
        self.wakes = false;
    }
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        let state = &self.attempt.state;
        state.decisions.fetch_add(1, Ordering::AcqRel);
        state.pending.fetch_sub(1, Ordering::AcqRel);
        if self.wakes {
            // The notification is stored if the holder of the turn is not waiting yet.
            state.decided.notify_one();
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut limits = self.gate.limits();
        // Only this attempt and the map refer to it, and no other can join while the map is locked.
        if Arc::strong_count(&self.state) == 2 {
            limits.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    #[tokio::test]
    async fn the_holder_of_the_turn_is_not_woken_by_its_own_reservation() {
        let gate = AttemptGate::default();
        let other = gate.enter(b"ada").reserve();
        let holder = gate.enter(b"ada");
        let _turn = holder.turn().await;
        holder.reserve().withdraw();
        assert_eq!(holder.pending(), 1);
        let mut woken = Box::pin(holder.one_decided());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(woken.as_mut().poll(&mut context).is_pending(), "nothing was decided");
        drop(other);
        woken.await;
        assert_eq!(holder.pending(), 0);
    }

    #[tokio::test]
    async fn the_holder_of_the_turn_waits_for_pending_attempts() {
        let gate = AttemptGate::default();
        let first = gate.enter(b"ada").reserve();
        let second = gate.enter(b"ada").reserve();
        let third = gate.enter(b"ada");
        let turn = third.turn().await;
        let behind = tokio::spawn({
            let fourth = gate.enter(b"ada");
            async move { drop(fourth.turn().await) }
        });
        // Each limit has its own queue.
        assert_eq!(gate.enter(b"bob").pending(), 0);
        assert_eq!(third.pending(), 2);
        drop(first);
        third.one_decided().await;
        assert_eq!(third.pending(), 1);
        drop(second);
        third.one_decided().await;
        assert_eq!(third.pending(), 0);
        assert!(!behind.is_finished());
        drop(turn);
        behind.await.unwrap();
        drop(third);
        assert!(gate.limits().is_empty());
    }
}
