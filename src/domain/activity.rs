//! Counts of events for the charts of the console.
//!
//! Owns the series, the lengths of the buckets and how long each is kept. A count contains no user, no address, and
//! no name that a caller chose.

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

/// The most keys that one bucket of a series has beside [`OTHERS`].
pub const MAX_KEYS: i64 = 200;
/// The key that sums up everything without a key of its own.
pub const OTHERS: &str = "";

text_enum! {
    /// A series of counts.
    #[derive(PartialOrd, Ord)]
    pub enum Series {
        /// Log-ins by result, as the metric `signet_logins` counts them.
        Logins = "logins",
        /// Refreshes by result, as the metric `signet_refreshes` counts them.
        Refreshes = "refreshes",
        /// Access tokens issued, by client.
        TokensByClient = "tokens_by_client",
        /// Access tokens issued, by API.
        TokensByApi = "tokens_by_api",
    }
}

/// The length of the buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// Ten minutes.
    TenMinutes,
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Width {
    /// Every length, the shortest first.
    pub const ALL: [Self; 3] = [Self::TenMinutes, Self::Hour, Self::Day];

    /// The length of a bucket.
    #[must_use]
    pub const fn span(self) -> TimeSpan {
        match self {
            Self::TenMinutes => TimeSpan::from_mins(10),
            Self::Hour => TimeSpan::from_mins(60),
            Self::Day => TimeSpan::from_days(1),
        }
    }

    /// How long a bucket is kept after it began.
    #[must_use]
    pub const fn kept_for(self) -> TimeSpan {
        match self {
            Self::TenMinutes => TimeSpan::from_days(2),
            Self::Hour => TimeSpan::from_days(35),
            Self::Day => TimeSpan::from_days(400),
        }
    }

    /// The beginning of the bucket that `at` is in.
    #[must_use]
    pub const fn bucket(self, at: Timestamp) -> Timestamp {
        let span = self.span().millis();
        Timestamp::from_millis(at.millis().div_euclid(span) * span)
    }
}

/// How often something happened in one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The series.
    pub series: Series,
    /// The length of the bucket.
    pub width: Width,
    /// The beginning of the bucket.
    pub bucket: Timestamp,
    /// A result, a registered client or API, or [`OTHERS`].
    pub key: String,
    /// The number of events.
    pub n: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_a_multiple_of_its_length() {
        let at = Timestamp::parse("2026-11-27T19:59:59Z").unwrap();
        let text = |width: Width| width.bucket(at).rfc3339();
        assert_eq!(text(Width::TenMinutes), "2026-11-27T19:50:00.000Z");
        assert_eq!(text(Width::Hour), "2026-11-27T19:00:00.000Z");
        assert_eq!(text(Width::Day), "2026-11-27T00:00:00.000Z");
        let before_1970 = Timestamp::from_millis(-1);
        assert_eq!(Width::Hour.bucket(before_1970), Timestamp::from_secs(-3600));
        for width in Width::ALL {
            let bucket = width.bucket(at);
            assert_eq!(width.bucket(bucket), bucket);
            assert_ne!(width.bucket(bucket + width.span()), bucket);
        }
    }
}
