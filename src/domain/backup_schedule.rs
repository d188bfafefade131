//! When scheduled backups are due.
//!
//! A run that was missed, because no server was running, is due at the next start, once.

use std::fmt;
use std::str::FromStr;

use crate::base::{TimeSpan, Timestamp};

const DAY: i64 = 24 * 60 * 60 * 1000;
const MINUTE: i64 = 60 * 1000;

/// How long after a failed run the next one is tried.
pub const RETRY: TimeSpan = TimeSpan::from_mins(60);

/// When backups are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupSchedule {
    /// Never by the server.
    Off,
    /// Once a day, so many minutes after midnight in UTC.
    Daily {
        /// Less than 24 × 60.
        minute: u16,
    },
    /// So long after the last one.
    Every(TimeSpan),
}

impl BackupSchedule {
    /// Since when a backup is due at `now`, if the last one was made at `last`. A time after `now` was written by a clock
    /// that was wrong, and counts as none.
    #[must_use]
    pub fn due_since(self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let last = last.filter(|last| *last <= now);
        let due = match (self, last) {
            (Self::Off, _) => return None,
            (Self::Every(_), None) => now,
            (Self::Every(span), Some(last)) => last + span,
            (Self::Daily { minute }, None) => at_or_before(now, minute),
            (Self::Daily { minute }, Some(last)) => {
                at_or_before(last, minute) + TimeSpan::from_millis(DAY)
            }
        };
        (due <= now).then_some(due)
    }
}

/// The last time of this minute of a day that is not after `at`.
fn at_or_before(at: Timestamp, minute: u16) -> Timestamp {
    let offset = i64::from(minute) * MINUTE;
    let days = (at.millis() - offset).div_euclid(DAY);
    Timestamp::from_millis(days * DAY + offset)
}

/// The text is neither `off` nor `daily@` with a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATimeOfDay;

impl FromStr for BackupSchedule {
    type Err = NotATimeOfDay;

    /// Reads `off` and `daily@HH:MM`; lengths of time are read by their own parser.
    fn from_str(text: &str) -> Result<Self, NotATimeOfDay> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let time = text.strip_prefix("daily@").ok_or(NotATimeOfDay)?;
        let (hour, minute) = time.split_once(':').ok_or(NotATimeOfDay)?;
        let number = |text: &str, end: u16| {
            let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u16>().ok().filter(|number| is_plain && *number < end);
            number.ok_or(NotATimeOfDay)
        };
        Ok(Self::Daily { minute: number(hour, 24)? * 60 + number(minute, 60)? })
    }
}

impl fmt::Display for BackupSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Daily { minute } => write!(f, "daily@{:02}:{:02}", minute / 60, minute % 60),
            Self::Every(span) => write!(f, "every {} s", span.secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_time_of_day_is_read_and_written() {
        for text in ["off", "daily@00:00", "daily@03:00", "daily@23:59"] {
            assert_eq!(text.parse::<BackupSchedule>().unwrap().to_string(), text);
        }
        for text in
            ["", "daily", "daily@", "daily@3:00", "daily@24:00", "daily@03:60", "daily@+3:00"]
        {
            assert_eq!(text.parse::<BackupSchedule>(), Err(NotATimeOfDay), "{text}");
        }
    }

    #[test]
    fn a_daily_backup_is_due_at_its_time_and_once() {
        let schedule: BackupSchedule = "daily@03:00".parse().unwrap();
        let due = |last: &str, now: &str| schedule.due_since(Some(at(last)), at(now));
        assert_eq!(due("2026-11-28T03:00:04Z", "2026-11-29T02:59:59Z"), None);
        let next = at("2026-11-29T03:00:00Z");
        assert_eq!(due("2026-11-28T03:00:04Z", "2026-11-29T03:00:00Z"), Some(next));
        // One that was made by hand before the time does not take its place.
        assert_eq!(due("2026-11-29T02:50:00Z", "2026-11-29T03:00:00Z"), Some(next));
        assert_eq!(due("2026-11-29T03:00:00Z", "2026-11-29T03:00:00Z"), None);
        // Missed three times, due since the first of them, and done with one run.
        let missed = due("2026-11-28T12:00:00Z", "2026-12-01T17:00:00Z");
        assert_eq!(missed, Some(next));
        assert_eq!(due("2026-12-01T17:00:00Z", "2026-12-01T17:00:30Z"), None);
    }

    #[test]
    fn the_first_backup_is_due_at_once() {
        let now = at("2026-11-28T12:00:00Z");
        let daily: BackupSchedule = "daily@03:00".parse().unwrap();
        assert_eq!(daily.due_since(None, now), Some(at("2026-11-28T03:00:00Z")));
        let every = BackupSchedule::Every(TimeSpan::from_mins(360));
        assert_eq!(every.due_since(None, now), Some(now));
        assert_eq!(BackupSchedule::Off.due_since(None, now), None);
        assert_eq!(BackupSchedule::Off.due_since(Some(at("2020-01-01T00:00:00Z")), now), None);
    }

    #[test]
    fn an_interval_counts_from_the_last_backup() {
        let every = BackupSchedule::Every(TimeSpan::from_mins(360));
        let last = at("2026-11-28T12:00:00Z");
        assert_eq!(every.due_since(Some(last), at("2026-11-28T17:59:59Z")), None);
        let due = at("2026-11-28T18:00:00Z");
        assert_eq!(every.due_since(Some(last), due), Some(due));
        assert_eq!(every.due_since(Some(last), at("2026-12-28T18:00:00Z")), Some(due));
    }

    #[test]
    fn a_backup_of_the_future_counts_as_none() {
        let every = BackupSchedule::Every(TimeSpan::from_mins(360));
        let now = at("2026-11-28T12:00:00Z");
        assert_eq!(every.due_since(Some(at("2036-01-01T00:00:00Z")), now), Some(now));
    }
}
