//! Settings in which the servers on one database differ, and which clients can notice.
//!
//! Owns when such a difference is reported. A rolling change of settings causes one on purpose, so it is reported
//! only after some time. The settings of a process never change while it runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{TimeSpan, Timestamp};

/// How long a difference must last until it is reported.
pub const LASTING: TimeSpan = TimeSpan::from_mins(10);
/// How long after its last heartbeat a process is considered running.
pub const DEAD_AFTER: TimeSpan = TimeSpan::from_mins(1);

/// A running server process with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningProcess {
    /// Its name for operators: host and process ID.
    pub name: String,
    /// When it started, and its settings took effect.
    pub started_at: Timestamp,
    /// The settings that clients can notice, by name.
    pub settings: BTreeMap<String, String>,
}

/// A setting that has more than one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting.
    pub setting: String,
    /// The processes of each value.
    pub values: BTreeMap<String, Vec<String>>,
    /// When the second of the values appeared.
    pub since: Timestamp,
}

/// The settings in which `processes` have differed for long enough at `now`. A setting that is unknown to a
/// process, because it runs another version, is not compared with it.
#[must_use]
pub fn lasting_differences(processes: &[RunningProcess], now: Timestamp) -> Vec<Difference> {
    let names: BTreeSet<&String> = processes.iter().flat_map(|one| one.settings.keys()).collect();
    let differences = names.into_iter().filter_map(|name| difference(name, processes));
    differences.filter(|found| now - found.since >= LASTING).collect()
}

fn difference(setting: &str, processes: &[RunningProcess]) -> Option<Difference> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The start of the oldest process of each value.
    let mut oldest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for process in processes {
        let Some(value) = process.settings.get(setting) else { continue };
        values.entry(value.clone()).or_default().push(process.name.clone());
        let begun = oldest.entry(value).or_insert(process.started_at);
        *begun = (*begun).min(process.started_at);
    }
    // The difference began with the second value.
    let mut begun: Vec<Timestamp> = oldest.into_values().collect();
    begun.sort_unstable();
    let since = *begun.get(1)?;
    Some(Difference { setting: setting.to_owned(), values, since })
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of_value = |(value, processes): (&String, &Vec<String>)| {
            let value = if value.is_empty() { "nothing" } else { value };
            format!("{value} at {}", processes.join(", "))
        };
        let values: Vec<String> = self.values.iter().map(of_value).collect();
        write!(f, "{}: {} (since {})", self.setting, values.join("; "), self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, started: i64, settings: &[(&str, &str)]) -> RunningProcess {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        RunningProcess {
            name: name.to_owned(),
            started_at: Timestamp::from_secs(started),
            settings: settings.iter().map(pair).collect(),
        }
    }

    fn names(processes: &[RunningProcess], now: i64) -> Vec<String> {
        let found = lasting_differences(processes, Timestamp::from_secs(now));
        found.into_iter().map(|found| found.setting).collect()
    }

    #[test]
    fn a_difference_counts_after_ten_minutes_from_the_second_value_on() {
        let all = [
            process("a/1", 0, &[("TTL", "10m"), ("ISSUER", "x")]),
            process("b/1", 1_000, &[("TTL", "5m"), ("ISSUER", "x")]),
            process("c/1", 1_500, &[("TTL", "5m"), ("ISSUER", "x"), ("NEW", "1")]),
        ];
        assert_eq!(names(&all, 1_599), [""; 0]);
        assert_eq!(names(&all, 1_600), ["TTL"]);
        let found = &lasting_differences(&all, Timestamp::from_secs(1_600))[0];
        assert_eq!(found.since, Timestamp::from_secs(1_000));
        let text = found.to_string();
        assert!(text.contains("10m at a/1") && text.contains("5m at b/1, c/1"), "{text}");
        assert_eq!(names(&all[1..], 9_999), [""; 0], "the rest agree");
        assert_eq!(names(&[], 9_999), [""; 0]);
    }
}
