//! How much happened in the last hours or days, for the charts of the console.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::activity::{Count, OTHERS, Series, Width};
use crate::domain::outcome::Failure;
use crate::store::activity;
use crate::text_enum;

/// The most keys that are told apart; all further ones are counted together.
const MOST_KEYS: usize = 5;

text_enum! {
    /// Which time is looked at.
    pub enum Range {
        /// The last six hours, in steps of ten minutes.
        SixHours = "6h",
        /// The last 24 hours, in steps of an hour.
        Day = "24h",
        /// The last 30 days, in steps of a day.
        Month = "30d",
    }
}

impl Range {
    /// The steps: their length, and how many there are.
    const fn steps(self) -> (Width, i64) {
        match self {
            Self::SixHours => (Width::TenMinutes, 36),
            Self::Day => (Width::Hour, 24),
            Self::Month => (Width::Day, 30),
        }
    }
}

/// What happened in one step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When it begins.
    pub at: Timestamp,
    /// How often, by key in the order of [`Activity::keys`].
    pub counts: Vec<i64>,
}

/// What happened over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What is told apart, the most frequent first; [`OTHERS`] is everything else.
    pub keys: Vec<String>,
    /// Every step, the oldest first, also those in which nothing happened.
    pub steps: Vec<Step>,
    /// When the last step ends.
    pub until: Timestamp,
}

/// What happened of a series. What this process has counted is in it; what others have counted in the last minute may
/// not be.
///
/// # Errors
/// Only faults.
pub async fn over(
    app: App,
    series: Series,
    range: Range,
    now: Timestamp,
) -> Result<Activity, Failure> {
    app.write_activity().await?;
    let (width, steps) = range.steps();
    let until = width.bucket(now) + width.span();
    let from = until - TimeSpan::from_millis(width.span().millis() * steps);
    let counts = activity::counts(&mut app.db.reader().await?, series, width, from, until).await?;
    Ok(arranged(&counts, (from, until), width.span()))
}

fn arranged(counts: &[Count], (from, until): (Timestamp, Timestamp), span: TimeSpan) -> Activity {
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.key != OTHERS) {
        *totals.entry(&count.key).or_default() += count.n;
    }
    let mut keys: Vec<&str> = totals.keys().copied().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(totals.get(key).copied().unwrap_or_default()));
    keys.truncate(MOST_KEYS);
    let named: BTreeSet<&str> = keys.iter().copied().collect();
    if counts.iter().any(|count| !named.contains(&*count.key)) {
        keys.push(OTHERS);
    }
    let mut steps = Vec::new();
    let mut at = from;
    while at < until {
        let of = |key: &&str| {
            let is_of = |count: &&Count| match *key {
                OTHERS => !named.contains(&*count.key),
                key => count.key == key,
            };
            let here = counts.iter().filter(|count| count.bucket == at);
            here.filter(is_of).map(|count| count.n).sum()
        };
        steps.push(Step { at, counts: keys.iter().map(of).collect() });
        at = at + span;
    }
    Activity { keys: keys.into_iter().map(str::to_owned).collect(), steps, until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_keys_are_told_apart_and_nothing_is_lost() {
        let at = Timestamp::from_secs;
        let count = |secs, key: &str, n| Count {
            series: Series::TokensByClient,
            width: Width::Hour,
            bucket: at(secs),
            key: key.to_owned(),
            n,
        };
        let mut counts = vec![count(0, "a", 1), count(3_600, "a", 1), count(3_600, OTHERS, 4)];
        counts.extend((0..6).map(|number| count(3_600, &format!("c{number}"), 10 + number)));
        let found = arranged(&counts, (at(0), at(10_800)), Width::Hour.span());
        assert_eq!(found.keys, ["c5", "c4", "c3", "c2", "c1", OTHERS]);
        let steps: Vec<&[i64]> = found.steps.iter().map(|step| &*step.counts).collect();
        let expected: [&[i64]; 3] =
            [&[0, 0, 0, 0, 0, 1], &[15, 14, 13, 12, 11, 15], &[0, 0, 0, 0, 0, 0]];
        assert_eq!(steps, expected);
    }
}
