//! Counts of recent events, for the charts of the console.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::activity::{Count, OTHERS, Series, Width};
use crate::domain::day_comparison::DAYS_BEFORE;
use crate::domain::outcome::Failure;
use crate::store::activity;
use crate::text_enum;

/// The most keys that are shown separately; the others are summed.
const MAX_KEYS: usize = 5;

text_enum! {
    /// The period that a chart covers.
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
    /// The width of a step, and the number of steps.
    const fn steps(self) -> (Width, i64) {
        match self {
            Self::SixHours => (Width::TenMinutes, 36),
            Self::Day => (Width::Hour, 24),
            Self::Month => (Width::Day, 30),
        }
    }
}

/// The counts of one step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When it begins.
    pub at: Timestamp,
    /// One count per key, in the order of [`Activity::keys`].
    pub counts: Vec<i64>,
}

/// The counts of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The keys that are shown separately, the most frequent first; [`OTHERS`] is everything else.
    pub keys: Vec<String>,
    /// Every step, the oldest first, including empty ones.
    pub steps: Vec<Step>,
    /// When the last step ends.
    pub until: Timestamp,
}

/// Adds the counts of this process to the database, so that the page can show them. If the database cannot be
/// written, the page shows the stored counts, and the job writes the others later.
pub(super) async fn write_counted(app: &App) {
    if let Err(fault) = app.write_activity().await {
        tracing::warn!(%fault, "the counts of the last minute could not be added to the charts");
    }
}

/// The stored counts of a series. Those of the last minute may be missing.
///
/// # Errors
/// Only faults.
pub(super) async fn over(
    app: &App,
    series: Series,
    range: Range,
    now: Timestamp,
) -> Result<Activity, Failure> {
    let (width, steps) = range.steps();
    let until = width.bucket(now) + width.span();
    let from = until - TimeSpan::from_millis(width.span().millis() * steps);
    let counts = activity::counts(&mut app.db.reader().await?, series, width, from, until).await?;
    Ok(arranged(&counts, (from, until), width.span()))
}

text_enum! {
    /// The counts that are compared from day to day.
    pub enum Counted {
        /// Log-ins that succeeded.
        Logins = "logins",
        /// Log-ins that failed.
        Failures = "failures",
        /// Refreshes that returned tokens.
        Refreshes = "refreshes",
        /// Access tokens issued.
        Tokens = "tokens",
    }
}

/// A count for the last 24 hours and for each of the six days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayActivity {
    /// The counted events.
    pub what: Counted,
    /// In the last 24 hours, including the current, incomplete hour.
    pub day: i64,
    /// In each of the days before, the latest first.
    pub before: [i64; DAYS_BEFORE],
}

/// The counts of the last 24 hours and the days before, for everything that is compared, as stored.
///
/// # Errors
/// Only faults.
pub(super) async fn last_days(app: &App, now: Timestamp) -> Result<Vec<DayActivity>, Failure> {
    let until = Width::Hour.bucket(now) + Width::Hour.span();
    let day = Width::Day.span().millis();
    let days = i64::try_from(DAYS_BEFORE).unwrap_or_default() + 1;
    let from = until - TimeSpan::from_millis(day * days);
    let mut reader = app.db.reader().await?;
    let mut found = Vec::new();
    for (what, series) in [
        (Counted::Logins, Series::Logins),
        (Counted::Failures, Series::Logins),
        (Counted::Refreshes, Series::Refreshes),
        (Counted::Tokens, Series::TokensByApi),
    ] {
        let counts = activity::counts(&mut reader, series, Width::Hour, from, until).await?;
        let mut activity = DayActivity { what, day: 0, before: [0; DAYS_BEFORE] };
        for count in counts.iter().filter(|count| what.includes(&count.key)) {
            // Day 0 ends at the end of the current hour.
            let ago = (until - TimeSpan::from_millis(1)).millis() - count.bucket.millis();
            match usize::try_from(ago / day).unwrap_or_default() {
                0 => activity.day += count.n,
                ago => activity.before.iter_mut().skip(ago - 1).take(1).for_each(|n| *n += count.n),
            }
        }
        found.push(activity);
    }
    Ok(found)
}

impl Counted {
    fn includes(self, key: &str) -> bool {
        match self {
            Self::Logins => key == "ok",
            Self::Failures => key != "ok",
            Self::Refreshes => ["rotated", "resent", "superseded", "kept"].contains(&key),
            Self::Tokens => true,
        }
    }
}

/// How many tokens a client was issued, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientActivity {
    /// How many in the last 24 hours.
    pub last_day: i64,
    /// The start of the hour in which the last one was issued, or of the day if it is older; `None` if there was
    /// none in 30 days.
    pub last: Option<Timestamp>,
}

/// The tokens of a client. In steps in which the client was folded into [`OTHERS`], the count is 0.
///
/// # Errors
/// Only faults.
pub async fn of_client(
    app: App,
    client_id: String,
    now: Timestamp,
) -> Result<ClientActivity, Failure> {
    write_counted(&app).await;
    let mut reader = app.db.reader().await?;
    let mut found = ClientActivity::default();
    for range in [Range::Day, Range::Month] {
        let (width, steps) = range.steps();
        let until = width.bucket(now) + width.span();
        let from = until - TimeSpan::from_millis(width.span().millis() * steps);
        let series = Series::TokensByClient;
        let counts = activity::counts(&mut reader, series, width, from, until).await?;
        let own = counts.iter().filter(|count| count.key == client_id);
        if range == Range::Day {
            found.last_day = own.clone().map(|count| count.n).sum();
        }
        found.last = own.map(|count| count.bucket).max();
        if found.last.is_some() {
            break;
        }
    }
    Ok(found)
}

fn arranged(counts: &[Count], (from, until): (Timestamp, Timestamp), span: TimeSpan) -> Activity {
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.key != OTHERS) {
        *totals.entry(&count.key).or_default() += count.n;
    }
    let mut keys: Vec<&str> = totals.keys().copied().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(totals.get(key).copied().unwrap_or_default()));
    keys.truncate(MAX_KEYS);
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
