//! Validity of values with a fixed lifetime: codes, pushed requests, links, sealed requests.
//!
//! None of them is valid for longer than its lifetime, even when the clock is set back after it was issued. A row
//! stores only its expiry; the lifetime tells when it was issued.

use crate::base::{TimeSpan, Timestamp};

/// The lifetime of a link for the first administrator.
pub const SETUP_LINK_LIFE: TimeSpan = TimeSpan::from_mins(30);

/// How long a login name is reserved for the user who has changed it.
pub const FORMER_LOGIN_LIFE: TimeSpan = TimeSpan::from_days(90);

/// How far ahead of `now` the issuing may lie: the clocks of two ready processes may differ by this much for
/// the ten seconds until they measure the clock of the database again.
const MAX_AHEAD: TimeSpan = TimeSpan::from_secs(10);

/// Whether a value with the lifetime `length` that expires at `ends_at` is invalid at `now`: it has expired, or
/// its issuing lies in the future, because the clock has been set back since.
#[must_use]
pub fn has_expired(ends_at: Timestamp, length: TimeSpan, now: Timestamp) -> bool {
    now >= ends_at || ends_at > latest_end(length, now)
}

/// The latest expiry of a value that is valid at `now`, for statements: `ends_at > now AND ends_at <= latest_end`.
#[must_use]
pub fn latest_end(length: TimeSpan, now: Timestamp) -> Timestamp {
    now + length + MAX_AHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_valid_longer_than_its_length_whatever_the_clock_does() {
        let issued = Timestamp::from_secs(1_000_000);
        for length in [TimeSpan::from_secs(60), TimeSpan::from_mins(60)] {
            let ends_at = issued + length;
            let at =
                |seconds: i64| has_expired(ends_at, length, issued + TimeSpan::from_secs(seconds));
            assert!(!at(0) && !at(length.secs() - 1));
            assert!(at(length.secs()) && at(length.secs() + 1));
            // Clocks of processes differ by seconds; only a larger difference means that a clock was set back.
            assert!(!at(-1) && !at(-10));
            assert!(at(-11) && at(-3_600) && at(-1_000_000));
            let sql = |now| ends_at > now && ends_at <= latest_end(length, now);
            for seconds in [-3_600, -11, -10, 0, 59, 60, 3_599, 3_600] {
                let now = issued + TimeSpan::from_secs(seconds);
                assert_eq!(sql(now), !has_expired(ends_at, length, now), "{seconds}");
            }
        }
    }
}
