//! The time that the processes on one database agree on.
//!
//! Owns the rule by which a process follows the clock of the database: what is stored and compared by
//! other processes is the wall clock plus the measured offset. Reads no clock.

use crate::base::{TimeSpan, Timestamp};

use super::clock_skew::Reading;

/// An offset up to this is left alone: it is within what a measurement over a network can be wrong by.
pub const APPLIED_ABOVE: TimeSpan = TimeSpan::from_millis(250);
/// An offset above this is logged.
pub const LOGGED_ABOVE: TimeSpan = TimeSpan::from_secs(1);
/// The least offset that makes a process not ready.
const UNREADY_ABOVE: TimeSpan = TimeSpan::from_secs(5);

/// The offset above which a process is not ready: the claims of its tokens are read by services that do not
/// know the offset, and a retried refresh may be judged by a process that has not measured yet.
#[must_use]
pub fn limit(retry_window: TimeSpan) -> TimeSpan {
    UNREADY_ABOVE.max(TimeSpan::from_millis(retry_window.millis() / 2))
}

/// The length of an offset, whichever clock is ahead.
#[must_use]
pub const fn length(offset: TimeSpan) -> TimeSpan {
    TimeSpan::from_millis(offset.millis().saturating_abs())
}

/// What is added to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Correction {
    offset: TimeSpan,
    held: Option<Held>,
}

/// A correction that sets the time back is waited out instead: until the counting clock shows `until`, the
/// time does not fall below `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    at: Timestamp,
    until: TimeSpan,
}

impl Correction {
    /// What is added, once nothing is waited out any more.
    #[must_use]
    pub const fn offset(&self) -> TimeSpan {
        self.offset
    }

    /// The common time at `reading`.
    #[must_use]
    pub fn common_time(&self, reading: Reading) -> Timestamp {
        let corrected = reading.wall + self.offset;
        match self.held {
            Some(held) if reading.counted < held.until => corrected.max(held.at),
            _ => corrected,
        }
    }

    /// The correction of a process that has told no time yet: nothing can go back.
    #[must_use]
    pub fn at_start(measured: TimeSpan) -> Self {
        Self { offset: applied(measured), held: None }
    }

    /// The correction after `measured` was found at `reading`: the database's clock minus the wall clock.
    /// It never sets the common time back. What it would have set back is waited out, for exactly that
    /// long by the counting clock, whatever the wall clock does meanwhile.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(wall: i64, counted: i64) -> Reading {
        Reading { wall: Timestamp::from_millis(wall), counted: TimeSpan::from_millis(counted) }
    }

    fn millis(n: i64) -> TimeSpan {
        TimeSpan::from_millis(n)
    }

    #[test]
    fn a_small_offset_is_left_alone_and_a_larger_one_applied() {
        for small in [-250, -1, 0, 250] {
            let corrected = Correction::default().after(millis(small), at(1_000, 0));
            assert_eq!(corrected.common_time(at(1_000, 0)).millis(), 1_000, "{small}");
        }
        let behind = Correction::default().after(millis(251), at(1_000, 0));
        assert_eq!(behind.common_time(at(1_000, 0)).millis(), 1_251);
        let ahead = Correction::at_start(millis(-40_000));
        assert_eq!(ahead.common_time(at(100_000, 0)).millis(), 60_000, "nothing was told before");
    }

    #[test]
    fn a_correction_backwards_is_waited_out_and_no_moment_longer() {
        let behind = Correction::default().after(millis(-40_000), at(100_000, 7));
        assert_eq!(behind.common_time(at(100_000, 7)).millis(), 100_000);
        assert_eq!(behind.common_time(at(139_999, 40_006)).millis(), 100_000);
        assert_eq!(behind.common_time(at(140_000, 40_007)).millis(), 100_000);
        assert_eq!(behind.common_time(at(150_000, 50_007)).millis(), 110_000);
        // The wall clock was set back meanwhile: the wait is as long as it was.
        assert_eq!(behind.common_time(at(-500_000, 40_007)).millis(), -540_000);
    }

    #[test]
    fn the_limit_is_half_the_retry_window_and_five_seconds_at_least() {
        for (window, expected) in [(0, 5_000), (10_000, 5_000), (30_000, 15_000)] {
            assert_eq!(limit(millis(window)), millis(expected));
        }
    }

    proptest! {
        /// While both clocks run evenly, no measurement sets the common time back.
        #[test]
        fn the_common_time_never_goes_back(
            steps in prop::collection::vec((0..20_000_i64, -60_000..60_000_i64), 1..40),
        ) {
            let (mut now, mut correction) = (0, Correction::default());
            let mut last = correction.common_time(at(now, now));
            for (passed, measured) in steps {
                now += passed;
                let before = correction.common_time(at(now, now));
                prop_assert!(before >= last);
                correction = correction.after(millis(measured), at(now, now));
                last = correction.common_time(at(now, now));
                prop_assert!(last >= before);
            }
        }
    }
}
