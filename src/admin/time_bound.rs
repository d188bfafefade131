//! Times in the filters of administrators: absolute, or relative to now.

use crate::base::{TimeSpan, Timestamp};
use crate::config::length_of_time;

/// The longest relative time: ten thousand days.
const LONGEST: TimeSpan = TimeSpan::from_days(10_000);

/// The time that `text` means: RFC 3339, whole seconds since 1970, or a time span before `now`, such as `2h` or
/// `30d`. `None` if it is none of these.
#[must_use]
pub fn point_in_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(at) = Timestamp::parse(text) {
        return Some(at);
    }
    length_of_time(text, TimeSpan::ZERO..=LONGEST).ok().map(|ago| now - ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_or_how_long_ago_it_is() {
        let now = Timestamp::from_secs(1_000_000_000);
        for (text, expected) in [
            ("2h", Some(now - TimeSpan::from_mins(120))),
            ("30d", Some(now - TimeSpan::from_days(30))),
            ("1970-01-01T00:00:07Z", Some(Timestamp::from_secs(7))),
            ("1000", Some(Timestamp::from_secs(1_000))),
            ("yesterday", None),
            ("", None),
            ("-2h", None),
        ] {
            assert_eq!(point_in_time(text, now), expected, "{text}");
        }
    }
}
