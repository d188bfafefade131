//! Tests of the common time: it follows the database, and never goes back.

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
    // The wall clock was set back meanwhile: the duration of the wait does not change.
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
