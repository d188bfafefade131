//! Timestamps and time spans in milliseconds, and the clock.
//!
//! Owns the only access to the system clock. Everything below the HTTP layer gets the time as a parameter.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in milliseconds; never negative in settings, may be negative as a difference.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TimeSpan(i64);

impl Timestamp {
    /// The point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The point `secs` seconds after the epoch (saturating), as JWT `NumericDate` counts.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: a JWT `NumericDate` (RFC 7519 §2).
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Parses a time entered by a user: RFC 3339 with any offset, or whole seconds since the epoch. From 1970 to
    /// 9999; fractions are truncated to milliseconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const END: i64 = 253_402_300_800;
        let millis = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse::<i64>().ok().filter(|secs| *secs < END)?.checked_mul(1000)?
        } else {
            let format = &time::format_description::well_known::Rfc3339;
            let nanos = time::OffsetDateTime::parse(text, format).ok()?.unix_timestamp_nanos();
            i64::try_from(nanos.div_euclid(1_000_000)).ok()?
        };
        (0..END * 1000).contains(&millis).then_some(Self(millis))
    }

    /// RFC 3339 text in UTC with milliseconds, the form of every time under `/v1`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let nanos = i128::from(self.0) * 1_000_000;
        let format = time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|at| at.format(&format).ok())
            .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl TimeSpan {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// `n` milliseconds.
    #[must_use]
    pub const fn from_millis(n: i64) -> Self {
        Self(n)
    }

    /// `n` seconds (saturating).
    #[must_use]
    pub const fn from_secs(n: i64) -> Self {
        Self(n.saturating_mul(1000))
    }

    /// `n` minutes (saturating).
    #[must_use]
    pub const fn from_mins(n: i64) -> Self {
        Self::from_secs(n.saturating_mul(60))
    }

    /// `n` days of 24 hours (saturating).
    #[must_use]
    pub const fn from_days(n: i64) -> Self {
        Self::from_secs(n.saturating_mul(86_400))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds, rounded up and never below one: the value of a `Retry-After` header.
    #[must_use]
    pub const fn retry_after(self) -> i64 {
        let secs = self.0.saturating_add(999).div_euclid(1000);
        if secs < 1 { 1 } else { secs }
    }

    /// The same span for the standard library, in which a negative span becomes zero.
    #[must_use]
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(if self.0 < 0 { 0 } else { self.0.unsigned_abs() })
    }
}

impl Add<TimeSpan> for Timestamp {
    type Output = Self;
    fn add(self, span: TimeSpan) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<TimeSpan> for Timestamp {
    type Output = Self;
    fn sub(self, span: TimeSpan) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for TimeSpan {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for TimeSpan {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sub for Timestamp {
    type Output = TimeSpan;
    fn sub(self, other: Self) -> TimeSpan {
        TimeSpan(self.0.saturating_sub(other.0))
    }
}

/// The source of the current time. It is read once per request and passed down as a value.
pub trait Clock: Send + Sync + 'static {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;

    /// A monotonic clock with an arbitrary origin.
    fn counted(&self) -> TimeSpan;

    /// The time of the database's clock, given that `read` was read from it. A test that injects the time injects
    /// this one too.
    fn database_time(&self, read: Timestamp) -> Timestamp {
        read
    }
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    fn counted(&self) -> TimeSpan {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        let since = ORIGIN.get_or_init(Instant::now).elapsed();
        TimeSpan(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_has_milliseconds_and_z() {
        assert_eq!(Timestamp::from_millis(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_000_000_123).rfc3339(), "2026-11-18T11:06:40.123Z");
    }

    #[test]
    fn seconds_and_rfc3339_parse_and_nothing_else() {
        for (text, millis) in [
            ("0", 0),
            ("1795000000", 1_795_000_000_000),
            ("2026-11-18T11:06:40Z", 1_795_000_000_000),
            ("2026-11-18T11:06:40.1239Z", 1_795_000_000_123),
            ("2026-11-18T12:06:40+01:00", 1_795_000_000_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for wrong in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "yesterday",
            "2026-11-18",
            "2026-11-18T11:06:40",
            "2026-13-18T11:06:40Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "253402300800",
            "99999999999999999999999999",
        ] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn retry_after_is_never_zero() {
        assert_eq!(TimeSpan::ZERO.retry_after(), 1);
        assert_eq!(TimeSpan::from_millis(1001).retry_after(), 2);
    }
}
