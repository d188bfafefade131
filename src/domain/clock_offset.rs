//! The clock that the processes on one database agree on.
//!
//! Owns the rule by which a process follows the clock of the database: stored and compared times are the wall clock
//! plus the measured offset. Reads no clock.

use crate::base::{TimeSpan, Timestamp};

use super::clock_skew::Reading;

/// An offset up to this is ignored, because it is within the error of a measurement over a network.
pub const APPLIED_ABOVE: TimeSpan = TimeSpan::from_millis(250);
/// An offset above this is logged.
pub const LOGGED_ABOVE: TimeSpan = TimeSpan::from_secs(1);
/// The least offset that makes a process not ready.
const UNREADY_ABOVE: TimeSpan = TimeSpan::from_secs(5);

/// The offset above which a process is not ready: resource servers read the claims of its tokens without
/// knowing the offset, and a retried refresh may reach a process that has not measured its offset yet.
#[must_use]
pub fn limit(retry_window: TimeSpan) -> TimeSpan {
    UNREADY_ABOVE.max(TimeSpan::from_millis(retry_window.millis() / 2))
}

/// The absolute value of an offset.
#[must_use]
pub const fn length(offset: TimeSpan) -> TimeSpan {
    TimeSpan::from_millis(offset.millis().saturating_abs())
}

/// The correction that is added to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Correction {
    offset: TimeSpan,
    held: Option<Held>,
}

/// A correction that would set the time back: until the monotonic clock shows `until`, the time does not fall
/// below `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    at: Timestamp,
    until: TimeSpan,
}

impl Correction {
    /// The common time at `reading`.
    #[must_use]
    pub fn common_time(&self, reading: Reading) -> Timestamp {
        let corrected = reading.wall + self.offset;
        match self.held {
            Some(held) if reading.counted < held.until => corrected.max(held.at),
            _ => corrected,
        }
    }

    /// The correction of a process that has not used any time yet, so that nothing can go back.
    #[must_use]
    pub fn at_start(measured: TimeSpan) -> Self {
        Self { offset: applied(measured), held: None }
    }

    /// The correction after `measured` (the database's clock minus the wall clock) was found at `reading`. It never
    /// sets the common time back: instead, the time stands still for that long by the monotonic clock, whatever the
    /// wall clock does meanwhile.
    #[must_use]
    pub fn after(&self, measured: TimeSpan, reading: Reading) -> Self {
        let offset = applied(measured);
        let before = self.common_time(reading);
        let back = before - (reading.wall + offset);
        let held =
            (back > TimeSpan::ZERO).then(|| Held { at: before, until: reading.counted + back });
        Self { offset, held }
    }
}

fn applied(measured: TimeSpan) -> TimeSpan {
    if length(measured) <= APPLIED_ABOVE { TimeSpan::ZERO } else { measured }
}

#[cfg(test)]
#[path = "clock_offset_tests.rs"]
mod tests;
