//! When the keys of an issuer are fetched, and for how long the copy counts.
//!
//! Owns the times. A key that is not in the copy makes it stale, but no issuer is asked more often than [`PAUSE`]
//! allows: programs can invent names of keys.

use crate::base::{TimeSpan, Timestamp};

/// The shortest time between two attempts at one issuer.
pub const PAUSE: TimeSpan = TimeSpan::from_secs(30);
/// The shortest and the longest time for which a copy is fresh, whatever the issuer says.
const FRESH: (TimeSpan, TimeSpan) = (TimeSpan::from_mins(5), TimeSpan::from_mins(60));
/// How long a copy counts while the issuer cannot be asked.
const USABLE: TimeSpan = TimeSpan::from_days(1);

/// The times of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTimes {
    /// When the issuer was asked last, whatever came of it.
    attempted_at: Option<Timestamp>,
    /// When the copy came.
    fetched_at: Option<Timestamp>,
    /// For how long it is fresh.
    fresh_for: TimeSpan,
}

impl KeyTimes {
    /// After an attempt that brought nothing.
    #[must_use]
    pub const fn attempted(self, now: Timestamp) -> Self {
        Self { attempted_at: Some(now), ..self }
    }

    /// After one that brought a copy, which the issuer wants kept for so many seconds.
    #[must_use]
    pub fn fetched(now: Timestamp, max_age: Option<u64>) -> Self {
        let (least, most) = FRESH;
        let wanted = max_age.and_then(|secs| i64::try_from(secs).ok()).map(TimeSpan::from_secs);
        let fresh_for = wanted.map_or(most, |wanted| wanted.min(most).max(least));
        Self { attempted_at: Some(now), fetched_at: Some(now), fresh_for }
    }

    /// Whether the issuer has to be asked before a token is judged whose key is in the copy, or is not.
    #[must_use]
    pub fn wants_fetch(&self, has_key: bool, now: Timestamp) -> bool {
        // A clock that was put back makes an attempt lie in the future: then it is no reason to wait.
        let pauses = self.attempted_at.is_some_and(|at| at <= now && now < at + PAUSE);
        let is_fresh = self.fetched_at.is_some_and(|at| at <= now && now < at + self.fresh_for);
        if pauses {
            return false;
        }
        !(is_fresh && has_key)
    }

    /// Whether the copy counts.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.fetched_at.is_some_and(|at| now < at + USABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    #[test]
    fn an_issuer_is_asked_when_a_key_is_missing_but_not_without_pause() {
        let none = KeyTimes::default();
        assert!(none.wants_fetch(false, at(0)) && !none.is_usable(at(0)));
        let failed = none.attempted(at(0));
        assert!(!failed.wants_fetch(false, at(29)) && failed.wants_fetch(false, at(30)));
        let fetched = KeyTimes::fetched(at(0), Some(600));
        assert!(!fetched.wants_fetch(true, at(599)) && fetched.wants_fetch(true, at(600)));
        assert!(!fetched.wants_fetch(false, at(29)) && fetched.wants_fetch(false, at(30)));
    }

    #[test]
    fn a_copy_outlives_an_issuer_that_cannot_be_asked() {
        let fetched = KeyTimes::fetched(at(0), None).attempted(at(80_000));
        assert!(fetched.is_usable(at(86_399)) && !fetched.is_usable(at(86_400)));
    }

    #[test]
    fn what_the_issuer_wants_is_kept_within_limits() {
        for (max_age, fresh) in [(Some(0), 300), (Some(1_000_000), 3_600), (None, 3_600)] {
            let fetched = KeyTimes::fetched(at(0), max_age);
            assert!(!fetched.wants_fetch(true, at(fresh - 1)), "{max_age:?}");
            assert!(fetched.wants_fetch(true, at(fresh)), "{max_age:?}");
        }
    }
}
