//! The times of the last commit and of the last write that failed for lack of space: evidence, without a
//! statement, of whether the database can be written.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::base::{Clock, TimeSpan};
use crate::domain::outcome::Fault;
use crate::store::error::is_refused_write;

/// The moment of the last commit that changed something; cheap to clone.
#[derive(Clone, Default)]
pub struct LastWrite(Arc<Shared>);

struct Shared {
    clock: OnceLock<Arc<dyn Clock>>,
    /// In milliseconds of a clock that cannot be set.
    at: AtomicI64,
    /// When a write last failed of a kind that may fail again although smaller writes succeed; by the same clock.
    refused_at: AtomicI64,
}

/// The value before the first event.
const NEVER: i64 = i64::MIN;

impl Default for Shared {
    fn default() -> Self {
        Self {
            clock: OnceLock::new(),
            at: AtomicI64::new(NEVER),
            refused_at: AtomicI64::new(NEVER),
        }
    }
}

impl LastWrite {
    /// Sets the clock. Before, nothing is recorded.
    pub fn tell_time(&self, clock: Arc<dyn Clock>) {
        // A second call has no effect.
        let _ = self.0.clock.set(clock);
    }

    /// Records a commit.
    pub(super) fn is_now(&self) {
        if let Some(clock) = self.0.clock.get() {
            self.0.at.store(clock.counted().millis(), Ordering::Relaxed);
        }
    }

    /// Records a failed write, which invalidates earlier commits as evidence. A full disk, an I/O error or a
    /// read-only database also outranks later commits: while a disk fills up, small writes succeed and most do not.
    pub(super) fn has_failed(&self, fault: &Fault) {
        self.0.at.store(NEVER, Ordering::Relaxed);
        if let (Some(clock), true) = (self.0.clock.get(), is_refused_write(fault)) {
            self.0.refused_at.store(clock.counted().millis(), Ordering::Relaxed);
        }
    }

    /// When a write was last refused, by [`Clock::counted`].
    #[must_use]
    pub fn refused_at(&self) -> Option<TimeSpan> {
        let at = self.0.refused_at.load(Ordering::Relaxed);
        (at != NEVER).then(|| TimeSpan::from_millis(at))
    }

    /// Whether something was committed less than `span` before `now`, by [`Clock::counted`].
    #[must_use]
    pub fn is_within(&self, span: TimeSpan, now: TimeSpan) -> bool {
        match self.0.at.load(Ordering::Relaxed) {
            NEVER => false,
            at => now.millis().saturating_sub(at) < span.millis(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    struct Stopped(TimeSpan);

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn counted(&self) -> TimeSpan {
            self.0
        }
    }

    #[test]
    fn a_commit_counts_for_the_span_after_it_and_no_moment_longer() {
        let started = TimeSpan::from_secs(60);
        let span = TimeSpan::from_secs(5);
        let last = LastWrite::default();
        last.is_now();
        assert!(!last.is_within(span, started), "no clock, nothing noted");
        last.tell_time(Arc::new(Stopped(started)));
        last.is_now();
        let after = |millis: i64| TimeSpan::from_millis(started.millis() + millis);
        assert!(last.is_within(span, started) && last.is_within(span, after(4_999)));
        assert!(!last.is_within(span, after(5_000)));
        let fault = Fault::unavailable("no answer");
        last.has_failed(&fault);
        assert!(!last.is_within(span, started), "a failure after it");
        assert_eq!(last.refused_at(), None, "silence is no refusal");
    }
}
