//! How long the web console stays open after a sign-in.
//!
//! Owns the two limits, which are shorter than those of a sign-in at the pages, so that an abandoned browser cannot
//! administer for a day.

use crate::base::{TimeSpan, Timestamp};

/// How long the console stays open without being used.
pub const MAX_IDLE: TimeSpan = TimeSpan::from_mins(30);
/// How long it stays open in any case.
pub const MAX_AGE: TimeSpan = TimeSpan::from_mins(8 * 60);

/// Whether a user who authenticated at `auth_time` and used the console last at `used_at` may continue without
/// signing in again.
#[must_use]
pub fn is_open(auth_time: Timestamp, used_at: Option<Timestamp>, now: Timestamp) -> bool {
    let last = used_at.filter(|used| *used <= now).unwrap_or(auth_time).max(auth_time);
    now < auth_time + MAX_AGE && now < last + MAX_IDLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_closes_when_it_is_idle_and_after_eight_hours() {
        let minutes = |minutes: i64| Timestamp::from_secs(minutes * 60);
        let open =
            |used: Option<i64>, now: i64| is_open(minutes(0), used.map(minutes), minutes(now));
        assert!(open(None, 29) && !open(None, 30));
        assert!(open(Some(29), 58) && !open(Some(29), 59));
        assert!(open(Some(479), 479) && !open(Some(479), 480));
        assert!(!open(Some(10_000), 40), "a use that lies ahead does not count");
        assert!(is_open(minutes(100), Some(minutes(0)), minutes(120)), "a new sign-in");
    }
}
