//! Relative times: `3 d ago`, `in 9 min`.
//!
//! Only tables and notes use them; JSON has the exact time.

use crate::base::Timestamp;

/// How far `at` lies from `now`, in the largest unit that fits, rounded down.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    // Truncated towards zero: half a second ahead is "now", not "in 1 s".
    let secs = (now - at).millis() / 1000;
    let distance = secs.unsigned_abs();
    let (count, unit) = match distance {
        0 => return "now".to_owned(),
        1..60 => (distance, "s"),
        60..3_600 => (distance / 60, "min"),
        3_600..86_400 => (distance / 3_600, "h"),
        86_400..31_536_000 => (distance / 86_400, "d"),
        _ => (distance / 31_536_000, "y"),
    };
    if secs > 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TimeSpan;

    #[test]
    fn the_largest_unit_that_fits() {
        let now = Timestamp::from_secs(100_000_000);
        for (secs, said) in [
            (0, "now"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (86_399, "23 h ago"),
            (3 * 86_400, "3 d ago"),
            (400 * 86_400, "1 y ago"),
            (-540, "in 9 min"),
        ] {
            assert_eq!(ago(Timestamp::from_secs(100_000_000 - secs), now), said);
        }
        assert_eq!(ago(now + TimeSpan::from_millis(900), now), "now");
    }
}
