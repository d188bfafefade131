//! A clock that only moves when told.

use std::sync::atomic::{AtomicI64, Ordering};

use signet::base::{Clock, Span, Timestamp};

/// A clock that only moves when told.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn starting_at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.millis()))
    }

    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
