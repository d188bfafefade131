//! How often somebody may try.
//!
//! Owns the numbers and the token bucket as arithmetic. Where counters are kept is elsewhere:
//! addresses in memory of each process, accounts in the database.

use crate::base::{TimeSpan, Timestamp};

/// A number of tries in a window of time.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Tries in one window.
    pub tries: i64,
    /// The window, from the first try on.
    pub window: TimeSpan,
}

/// Failed log-ins of one account from one network.
///
/// Tight, and harmless to everybody else: an attacker only locks out his own network.
pub const ACCOUNT_FROM_NETWORK: Limit = Limit { tries: 20, window: TimeSpan::from_mins(15) };

/// Failed log-ins of one account from all networks it was never logged in from.
///
/// Networks that have logged in before do not count and are not held up, so that a crowd of
/// attackers cannot keep the owner out of an account he uses.
pub const ACCOUNT_FROM_STRANGERS: Limit = Limit { tries: 100, window: TimeSpan::from_mins(60) };

/// How long a network stays known to an account after its last log-in.
pub const KNOWN_NETWORK: TimeSpan = TimeSpan::from_days(90);

/// Failed log-ins of one address, whatever the account.
pub const ADDRESS_FAILURES: Bucket = Bucket { burst: 60, every: TimeSpan::from_secs(2) };

/// Registrations of one address: the one answer that tells whether a login exists.
pub const ADDRESS_REGISTRATIONS: Bucket = Bucket { burst: 30, every: TimeSpan::from_secs(10) };

/// Tries at a set-up link by one address.
pub const ADDRESS_SETUP: Bucket = Bucket { burst: 20, every: TimeSpan::from_secs(5) };

/// Failed authentications of clients from one address.
pub const ADDRESS_CLIENTS: Bucket = Bucket { burst: 60, every: TimeSpan::from_secs(2) };

/// User codes of devices typed from one address: eight letters are few enough to guess otherwise.
pub const ADDRESS_USER_CODES: Bucket = Bucket { burst: 20, every: TimeSpan::from_secs(15) };

/// Proofs of keys that came to nothing, of clients that do not authenticate, from one address: each is
/// written down. Wide, because a whole organisation may come from one address in the morning.
pub const ADDRESS_PROOFS: Bucket = Bucket { burst: 1_000, every: TimeSpan::from_millis(100) };

/// Requests of clients that do not authenticate and that write something down, from one address.
pub const ADDRESS_REQUESTS: Bucket = Bucket { burst: 100, every: TimeSpan::from_secs(1) };

/// A token bucket: `burst` at once, one more after each `every`.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// How many at once.
    pub burst: u32,
    /// After which time one comes back.
    pub every: TimeSpan,
}

/// The state of one bucket, as the time at which it would be full again (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Timestamp);

impl Bucket {
    /// A bucket nobody has taken from.
    #[must_use]
    pub const fn full(&self) -> Level {
        Level(Timestamp::from_millis(i64::MIN))
    }

    /// Takes one, or says how long to wait for the next.
    ///
    /// # Errors
    /// The bucket is empty; the span until one comes back.
    pub fn take(&self, level: Level, now: Timestamp) -> Result<Level, TimeSpan> {
        let start = level.0.max(now);
        let next = start + self.every;
        let capacity =
            TimeSpan::from_millis(self.every.millis().saturating_mul(i64::from(self.burst)));
        let over = (next - now).millis() - capacity.millis();
        if over > 0 { Err(TimeSpan::from_millis(over)) } else { Ok(Level(next)) }
    }

    /// Gives one back: the try turned out to be harmless.
    #[must_use]
    pub fn give_back(&self, level: Level) -> Level {
        Level(level.0 - self.every)
    }

    /// Whether the bucket has filled up again, so that its state can be forgotten.
    #[must_use]
    pub fn is_full(&self, level: Level, now: Timestamp) -> bool {
        level.0 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_then_one_at_a_time() {
        let bucket = Bucket { burst: 3, every: TimeSpan::from_secs(10) };
        let mut now = Timestamp::from_secs(1_000);
        let mut level = bucket.full();
        for _ in 0..3 {
            level = bucket.take(level, now).unwrap();
        }
        assert_eq!(bucket.take(level, now), Err(TimeSpan::from_secs(10)));
        now = now + TimeSpan::from_secs(10);
        level = bucket.take(level, now).unwrap();
        assert!(bucket.take(level, now).is_err());
        level = bucket.give_back(level);
        assert!(bucket.take(level, now).is_ok());
        assert!(bucket.is_full(level, now + TimeSpan::from_secs(30)));
    }
}
