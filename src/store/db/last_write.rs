//! When something was committed last: evidence that the database can be written, which costs nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::base::{Clock, TimeSpan};

/// The moment of the last commit that changed something; cheap to clone.
#[derive(Clone, Default)]
pub struct LastWrite(Arc<Shared>);

struct Shared {
    clock: OnceLock<Arc<dyn Clock>>,
    /// In milliseconds of a clock that cannot be set.
    at: AtomicI64,
}

/// What is stored while nothing was committed.
const NEVER: i64 = i64::MIN;

impl Default for Shared {
    fn default() -> Self {
        Self { clock: OnceLock::new(), at: AtomicI64::new(NEVER) }
    }
}

impl LastWrite {
    /// Reads the time from `clock` from now on. Before, nothing is noted.
    pub fn tell_time(&self, clock: Arc<dyn Clock>) {
        // A second clock would be the same one.
        let _ = self.0.clock.set(clock);
    }

    /// Notes a commit.
    pub(super) fn is_now(&self) {
        if let Some(clock) = self.0.clock.get() {
            self.0.at.store(clock.counted().millis(), Ordering::Relaxed);
        }
    }

    /// Notes that something could not be written: an earlier commit says nothing any more.
    pub(super) fn has_failed(&self) {
        self.0.at.store(NEVER, Ordering::Relaxed);
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
        last.has_failed();
        assert!(!last.is_within(span, started), "a failure after it");
    }
}
