//! Which backups are kept.
//!
//! A rule such as `7d4w6m` keeps the newest backup of each of the last 7 days, 4 weeks and 6 months that have one. Weeks
//! begin on Monday; all of it is in UTC. The newest backup is always kept.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::base::Timestamp;

/// The most periods of a kind that can be kept.
const MOST: u32 = 1_000;

/// Which backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRetention {
    /// All of them.
    All,
    /// One for each of so many periods.
    Periods {
        /// Days that have a backup.
        days: u32,
        /// Weeks that have a backup.
        weeks: u32,
        /// Months that have a backup.
        months: u32,
    },
}

/// The number of the period of a kind in which a time is.
type Period = fn(Timestamp) -> i64;

impl BackupRetention {
    /// The positions in `made` of the backups that are not kept, by the times at which they were made.
    #[must_use]
    pub fn superfluous(self, made: &[Timestamp]) -> Vec<usize> {
        let Self::Periods { days, weeks, months } = self else { return Vec::new() };
        let mut newest_first: Vec<usize> = (0..made.len()).collect();
        newest_first.sort_by_key(|index| (std::cmp::Reverse(made.get(*index)), *index));
        let mut kept: BTreeSet<usize> = newest_first.first().copied().into_iter().collect();
        let kinds: [(u32, Period); 3] = [(days, day), (weeks, week), (months, month)];
        for (most, period) in kinds {
            let mut seen = BTreeSet::new();
            for index in &newest_first {
                let Some(at) = made.get(*index) else { continue };
                if seen.len() >= most as usize {
                    break;
                }
                if seen.insert(period(*at)) {
                    kept.insert(*index);
                }
            }
        }
        newest_first.into_iter().filter(|index| !kept.contains(index)).collect()
    }
}

/// The number of a day since the epoch.
fn day(at: Timestamp) -> i64 {
    at.secs().div_euclid(24 * 60 * 60)
}

/// The number of a week; 1970-01-01 was a Thursday.
fn week(at: Timestamp) -> i64 {
    (day(at) + 3).div_euclid(7)
}

/// The number of a month: year and month in decimal.
fn month(at: Timestamp) -> i64 {
    let text = at.rfc3339();
    let number = |from, to| text.get(from..to).and_then(|part| part.parse().ok());
    number(0, 4).zip(number(5, 7)).map_or(0, |(year, month): (i64, i64)| year * 100 + month)
}

/// The text is no rule of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARetention;

impl FromStr for BackupRetention {
    type Err = NotARetention;

    fn from_str(text: &str) -> Result<Self, NotARetention> {
        if text == "all" {
            return Ok(Self::All);
        }
        let mut periods = [0; 3];
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NotARetention)?;
            let (digits, tail) = rest.split_at(end);
            let unit = tail.chars().next().and_then(|unit| "dwm".find(unit));
            let count = unit.and_then(|unit| periods.get_mut(unit)).ok_or(NotARetention)?;
            let number = digits.parse().ok().filter(|number| (1..=MOST).contains(number));
            match number {
                Some(number) if *count == 0 => *count = number,
                _ => return Err(NotARetention),
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        let [days, weeks, months] = periods;
        if text.is_empty() { Err(NotARetention) } else { Ok(Self::Periods { days, weeks, months }) }
    }
}

impl fmt::Display for BackupRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Periods { days, weeks, months } = self else { return f.write_str("all") };
        for (count, unit) in [(days, 'd'), (weeks, 'w'), (months, 'm')] {
            if *count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> BackupRetention {
        text.parse().unwrap()
    }

    /// The times that are kept of `made`, in the order of the list.
    fn kept<'a>(rule: BackupRetention, made: &[&'a str]) -> Vec<&'a str> {
        let times: Vec<Timestamp> = made.iter().map(|at| Timestamp::parse(at).unwrap()).collect();
        let gone = rule.superfluous(&times);
        let kept = made.iter().enumerate().filter(|(index, _)| !gone.contains(index));
        kept.map(|(_, at)| *at).collect()
    }

    #[test]
    fn rules_are_read_and_written() {
        for text in ["7d4w6m", "1d", "12m", "4w6m", "1000d", "all"] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(rule("6m7d"), rule("7d6m"));
        for text in ["", "7", "d", "7x", "0d", "1001d", "7d7d", "7d ", "-7d", "7D", "all7d", "7dé"]
        {
            assert_eq!(text.parse::<BackupRetention>(), Err(NotARetention), "{text}");
        }
    }

    #[test]
    fn the_newest_of_each_period_is_kept() {
        let made = [
            "2026-11-28T03:00:00Z",
            "2026-11-28T15:00:00Z",
            "2026-11-27T03:00:00Z",
            "2026-11-25T03:00:00Z",
            // The Sunday of the week before.
            "2026-11-22T03:00:00Z",
            "2026-11-21T03:00:00Z",
            "2026-10-31T03:00:00Z",
            "2026-10-30T03:00:00Z",
            "2025-11-28T03:00:00Z",
        ];
        // Days without a backup do not count.
        assert_eq!(kept(rule("3d"), &made), [made[1], made[2], made[3]]);
        assert_eq!(kept(rule("2w"), &made), [made[1], made[4]]);
        assert_eq!(kept(rule("3m"), &made), [made[1], made[6], made[8]]);
        assert_eq!(kept(rule("1d2w2m"), &made), [made[1], made[4], made[6]]);
        assert_eq!(kept(rule("all"), &made), made);
    }

    #[test]
    fn the_newest_is_kept_whatever_the_rule_is() {
        let none = BackupRetention::Periods { days: 0, weeks: 0, months: 0 };
        assert_eq!(kept(none, &["2026-11-28T03:00:00Z"]), ["2026-11-28T03:00:00Z"]);
        let two = ["2026-11-27T03:00:00Z", "2026-11-28T03:00:00Z"];
        assert_eq!(kept(none, &two), [two[1]]);
        assert_eq!(none.superfluous(&[]), [0; 0]);
    }

    #[test]
    fn a_year_of_daily_backups_becomes_one_for_each_period() {
        let day = |number: i64| Timestamp::from_secs(1_800_000_000 + number * 24 * 60 * 60);
        let mut made: Vec<Timestamp> = Vec::new();
        for number in 0..366 {
            made.push(day(number));
            let gone = rule("7d4w6m").superfluous(&made);
            let left = made.iter().enumerate().filter(|(index, _)| !gone.contains(index));
            made = left.map(|(_, at)| *at).collect();
            assert_eq!(made.last(), Some(&day(number)));
        }
        assert!((13..=17).contains(&made.len()), "{}", made.len());
        // The month that has begun is one of the six.
        assert!(made[0] < day(366 - 130), "five whole months are covered");
    }
}
