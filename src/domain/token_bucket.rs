//! The arithmetic of a token bucket.
//!
//! The state of a bucket is one time by a monotonic clock (GCRA).

use crate::base::TimeSpan;

/// A token bucket: its capacity is `burst`, and one token is added after each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The capacity, in tokens.
    pub burst: u32,
    /// The interval at which a token is added.
    pub every: TimeSpan,
}

/// The state of one bucket: the time, by a monotonic clock, at which it is full again (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(TimeSpan);

impl Bucket {
    /// A bucket with the capacity `burst` and one more token after each `every`.
    #[must_use]
    pub const fn new(burst: u32, every: TimeSpan) -> Self {
        Self { burst, every }
    }

    /// The same for `count` callers that share the bucket.
    #[must_use]
    pub const fn shared_by(self, count: u32) -> Self {
        let burst = self.burst.saturating_mul(count);
        let every = self.every.millis() / if count == 0 { 1 } else { count as i64 };
        Self { burst, every: TimeSpan::from_millis(if every < 1 { 1 } else { every }) }
    }

    /// A bucket that is full.
    #[must_use]
    pub const fn full(&self) -> Level {
        Level(TimeSpan::from_millis(i64::MIN))
    }

    /// Takes a token.
    ///
    /// # Errors
    /// If the bucket is empty: the time until the next token.
    pub fn take(&self, level: Level, now: TimeSpan) -> Result<Level, TimeSpan> {
        let next = level.0.max(now) + self.every;
        let over = next - now - self.capacity();
        if over > TimeSpan::ZERO { Err(over) } else { Ok(Level(next)) }
    }

    /// The number of tokens in the bucket.
    #[must_use]
    pub fn left(&self, level: Level, now: TimeSpan) -> u32 {
        let used = (level.0.max(now) - now).millis();
        let free = self.capacity().millis().saturating_sub(used);
        u32::try_from(free.div_euclid(self.every.millis().max(1))).unwrap_or(0)
    }

    /// Returns a token.
    #[must_use]
    pub fn give_back(&self, level: Level) -> Level {
        Level(level.0 - self.every)
    }

    /// Whether the bucket is full, so that its state need not be kept.
    #[must_use]
    pub fn is_full(&self, level: Level, now: TimeSpan) -> bool {
        level.0 <= now
    }

    fn capacity(&self) -> TimeSpan {
        TimeSpan::from_millis(self.every.millis().saturating_mul(i64::from(self.burst)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_then_one_at_a_time() {
        let bucket = Bucket::new(3, TimeSpan::from_secs(10));
        let mut now = TimeSpan::from_secs(1_000);
        let mut level = bucket.full();
        for left in (0..3).rev() {
            level = bucket.take(level, now).unwrap();
            assert_eq!(bucket.left(level, now), left);
        }
        assert_eq!(bucket.take(level, now), Err(TimeSpan::from_secs(10)));
        now = now + TimeSpan::from_secs(10);
        assert_eq!(bucket.left(level, now), 1);
        level = bucket.take(level, now).unwrap();
        assert!(bucket.take(level, now).is_err());
        level = bucket.give_back(level);
        assert!(bucket.take(level, now).is_ok());
        assert!(bucket.is_full(level, now + TimeSpan::from_secs(30)));
    }

    #[test]
    fn a_bucket_for_many_is_wider_and_refills_faster() {
        let bucket = Bucket::new(3, TimeSpan::from_secs(10));
        assert_eq!(bucket.shared_by(20), Bucket::new(60, TimeSpan::from_millis(500)));
        assert_eq!(bucket.left(bucket.full(), TimeSpan::ZERO), 3);
    }
}
