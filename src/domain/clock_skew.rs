//! Whether the wall clock can be trusted.
//!
//! Owns the comparison of the wall clock with the monotonic clock, and with the last recorded time. Actions that
//! a wrong clock would make harmful, such as removing keys and rows, check it first. Reads neither clock.

use crate::base::{TimeSpan, Timestamp};

/// The accepted difference of the wall clock from its expected value.
const TOLERANCE: TimeSpan = TimeSpan::from_mins(60);
/// How long the clock must run evenly after a jump to be trusted again.
const SETTLING: TimeSpan = TimeSpan::from_mins(60);

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock, which is meaningless to other processes.
    pub counted: TimeSpan,
}

/// The result of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The clock has the expected value.
    Steady,
    /// The clock has just jumped by this much. It is not trusted until it has run evenly for an hour or has
    /// jumped back.
    Jumped(TimeSpan),
    /// The clock jumped earlier and is not trusted yet.
    Unsettled,
}

/// Watches one process's clocks.
#[derive(Debug, Default)]
pub struct Watch {
    /// The last trusted reading.
    believed: Option<Reading>,
    /// The first reading after the last jump.
    jumped: Option<Reading>,
}

impl Watch {
    /// Whether the last reading was trusted. A clock that has not been read yet is trusted.
    #[must_use]
    pub const fn believes(&self) -> bool {
        self.jumped.is_none()
    }

    /// Evaluates a reading. `written` is the last time that a process recorded in the database; it is used at the
    /// first reading only. A server that was off for more than an hour cannot be distinguished from one with a
    /// wrong clock, and waits as well.
    pub fn judge(&mut self, reading: Reading, written: Option<Timestamp>) -> Verdict {
        let off = match (self.believed, written) {
            (Some(believed), _) => distance(believed, reading),
            (None, Some(written)) => reading.wall - written,
            (None, None) => TimeSpan::ZERO,
        };
        if is_small(off) {
            *self = Self { believed: Some(reading), jumped: None };
            return Verdict::Steady;
        }
        match self.jumped {
            Some(jumped) if is_small(distance(jumped, reading)) => {
                if reading.counted - jumped.counted < SETTLING {
                    return Verdict::Unsettled;
                }
                *self = Self { believed: Some(reading), jumped: None };
                Verdict::Steady
            }
            _ => {
                self.jumped = Some(reading);
                Verdict::Jumped(off)
            }
        }
    }
}

/// The distance of the wall clock from its expected value since `from`.
fn distance(from: Reading, reading: Reading) -> TimeSpan {
    (reading.wall - from.wall) - (reading.counted - from.counted)
}

fn is_small(span: TimeSpan) -> bool {
    span.millis().unsigned_abs() <= TOLERANCE.millis().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(wall: i64, counted: i64) -> Reading {
        Reading { wall: Timestamp::from_secs(wall), counted: TimeSpan::from_secs(counted) }
    }

    #[test]
    fn an_even_clock_is_believed_and_small_corrections_with_it() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(at(1000, 0), None), Verdict::Steady);
        assert_eq!(watch.judge(at(1010, 10), None), Verdict::Steady);
        assert_eq!(watch.judge(at(1020 + HOUR, 20), None), Verdict::Steady);
        assert_eq!(watch.judge(at(1030, 30), None), Verdict::Steady);
        // A machine that was suspended: both clocks agree, or the monotonic one stopped for less than the tolerance.
        assert_eq!(watch.judge(at(1040 + 5 * HOUR, 40 + 5 * HOUR), None), Verdict::Steady);
    }

    #[test]
    fn a_jump_either_way_waits_for_an_even_hour() {
        for jump in [2 * HOUR, -2 * HOUR, 20 * 365 * 24 * HOUR, -10 * 365 * 24 * HOUR] {
            let mut watch = Watch::default();
            assert_eq!(watch.judge(at(0, 0), None), Verdict::Steady);
            let by = TimeSpan::from_secs(jump);
            assert_eq!(watch.judge(at(10 + jump, 10), None), Verdict::Jumped(by));
            assert_eq!(watch.judge(at(20 + jump, 20), None), Verdict::Unsettled);
            assert_eq!(watch.judge(at(9 + HOUR + jump, 9 + HOUR), None), Verdict::Unsettled);
            assert_eq!(watch.judge(at(10 + HOUR + jump, 10 + HOUR), None), Verdict::Steady);
            assert_eq!(watch.judge(at(20 + HOUR + jump, 20 + HOUR), None), Verdict::Steady);
        }
    }

    #[test]
    fn a_clock_that_comes_back_is_believed_at_once_and_one_that_jumps_on_is_not() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(at(0, 0), None), Verdict::Steady);
        assert_eq!(
            watch.judge(at(9 * HOUR, 10), None),
            Verdict::Jumped(TimeSpan::from_secs(9 * HOUR - 10))
        );
        assert_eq!(watch.judge(at(20, 20), None), Verdict::Steady);
        assert!(matches!(watch.judge(at(9 * HOUR, 30), None), Verdict::Jumped(_)));
        assert!(matches!(watch.judge(at(90 * HOUR, HOUR), None), Verdict::Jumped(_)));
        // The hour restarts with each jump.
        assert_eq!(watch.judge(at(91 * HOUR - 1, 2 * HOUR - 1), None), Verdict::Unsettled);
        assert_eq!(watch.judge(at(91 * HOUR, 2 * HOUR), None), Verdict::Steady);
    }

    #[test]
    fn the_first_reading_is_held_against_what_was_written_down() {
        let written = Some(Timestamp::from_secs(100 * HOUR));
        for wall in [98 * HOUR, 102 * HOUR] {
            let mut watch = Watch::default();
            assert!(matches!(watch.judge(at(wall, 0), written), Verdict::Jumped(_)));
            assert_eq!(watch.judge(at(wall + 10, 10), written), Verdict::Unsettled);
            assert_eq!(watch.judge(at(wall + HOUR, HOUR), written), Verdict::Steady);
        }
        for wall in [99 * HOUR, 100 * HOUR, 101 * HOUR] {
            assert_eq!(Watch::default().judge(at(wall, 0), written), Verdict::Steady);
        }
    }
}
