//! When the keys of a trusted issuer are fetched, and how long the cached set is used.
//!
//! Owns the times. A `kid` that is not in the cached set causes a fetch, but an issuer is asked at most once in
//! [`PAUSE`], because an attacker can send tokens with any `kid`.

use crate::base::{TimeSpan, Timestamp};

/// The shortest time between two fetches from one issuer.
pub const PAUSE: TimeSpan = TimeSpan::from_secs(30);
/// Bounds of the time for which a cached key set is fresh, whatever the issuer's `Cache-Control` says.
const FRESH: (TimeSpan, TimeSpan) = (TimeSpan::from_mins(5), TimeSpan::from_mins(60));
/// How long a cached key set is used while the issuer cannot be reached.
const USABLE: TimeSpan = TimeSpan::from_days(1);

/// The times of a cached key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTimes {
    /// The last fetch, whether or not it succeeded.
    attempted_at: Option<Timestamp>,
    /// The last fetch that succeeded.
    fetched_at: Option<Timestamp>,
    /// How long the set is fresh after `fetched_at`.
    fresh_for: TimeSpan,
}

impl KeyTimes {
    /// The state after a fetch that failed.
    #[must_use]
    pub const fn attempted(self, now: Timestamp) -> Self {
        Self { attempted_at: Some(now), ..self }
    }

    /// The state after a fetch that succeeded; `max_age` is the issuer's `Cache-Control: max-age`, in seconds.
    #[must_use]
    pub fn fetched(now: Timestamp, max_age: Option<u64>) -> Self {
        let (least, most) = FRESH;
        let wanted = max_age.and_then(|secs| i64::try_from(secs).ok()).map(TimeSpan::from_secs);
        let fresh_for = wanted.map_or(most, |wanted| wanted.min(most).max(least));
        Self { attempted_at: Some(now), fetched_at: Some(now), fresh_for }
    }

    /// Whether the keys must be fetched before a token is verified. `has_key` tells whether the token's key is cached.
    #[must_use]
    pub fn wants_fetch(&self, has_key: bool, now: Timestamp) -> bool {
        // After the clock was set back, the last fetch may lie in the future. It must not delay the next one.
        let pauses = self.attempted_at.is_some_and(|at| at <= now && now < at + PAUSE);
        let is_fresh = self.fetched_at.is_some_and(|at| at <= now && now < at + self.fresh_for);
        if pauses {
            return false;
        }
        !(is_fresh && has_key)
    }

    /// Whether the cached key set may still be used at `now`.
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
    fn max_age_is_clamped() {
        for (max_age, fresh) in [(Some(0), 300), (Some(1_000_000), 3_600), (None, 3_600)] {
            let fetched = KeyTimes::fetched(at(0), max_age);
            assert!(!fetched.wants_fetch(true, at(fresh - 1)), "{max_age:?}");
            assert!(fetched.wants_fetch(true, at(fresh)), "{max_age:?}");
        }
    }
}
