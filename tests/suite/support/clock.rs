//! A manual clock, and the clock of the database that follows it.

use std::sync::atomic::{AtomicI64, Ordering};

use signet::base::{Clock, TimeSpan, Timestamp};

/// A clock that moves only when a test advances it.
pub struct ManualClock {
    wall: AtomicI64,
    counted: AtomicI64,
    /// By how many milliseconds the clock of the database is ahead of this one.
    database_ahead: AtomicI64,
}

impl ManualClock {
    pub fn starting_at(at: Timestamp) -> Self {
        Self {
            wall: AtomicI64::new(at.millis()),
            counted: AtomicI64::new(0),
            database_ahead: AtomicI64::new(0),
        }
    }

    /// Sets by how much the clock of the database is ahead.
    pub fn database_is_ahead(&self, span: TimeSpan) {
        self.database_ahead.store(span.millis(), Ordering::SeqCst);
    }

    /// Advances both the wall clock and the monotonic clock.
    pub fn advance(&self, span: TimeSpan) {
        self.counted.fetch_add(span.millis(), Ordering::SeqCst);
        self.wall.fetch_add(span.millis(), Ordering::SeqCst);
    }

    /// Sets the wall clock only, forward or back, like an administrator who sets a wrong time.
    pub fn jump(&self, span: TimeSpan) {
        self.wall.fetch_add(span.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn counted(&self) -> TimeSpan {
        TimeSpan::from_millis(self.counted.load(Ordering::SeqCst))
    }

    fn database_time(&self, _: Timestamp) -> Timestamp {
        self.now() + TimeSpan::from_millis(self.database_ahead.load(Ordering::SeqCst))
    }
}
