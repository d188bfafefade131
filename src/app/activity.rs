//! Counts of events, collected in memory until a job adds them to the database, so that no request writes them.
//!
//! Owns which events are counted. Additions commute, so processes need no coordination. A process that is killed
//! loses what it has collected.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::domain::activity::{Count, OTHERS, Series, Width};
use crate::domain::client::BUILT_IN;
use crate::domain::outcome::Fault;
use crate::metrics::Metrics;
use crate::store::activity as store;

use super::App;

/// The most counts that wait to be written. Further keys are counted as [`OTHERS`].
const MAX_WAITING: usize = 4_096;
/// The number of counts that are written in one transaction, each to a bucket of every length.
const WRITTEN_AT_ONCE: usize = 100;

/// The key of a count: the bucket of the shortest width, the series and the key within it.
type Key = (Timestamp, Series, String);

/// The counts that wait to be written.
#[derive(Default)]
pub struct ActivityCounts {
    waiting: Mutex<BTreeMap<Key, i64>>,
    /// Locked during a write.
    writing: tokio::sync::Mutex<()>,
}

impl ActivityCounts {
    fn count(&self, series: Series, key: &str, at: Timestamp) {
        self.add((Width::TenMinutes.bucket(at), series, key.to_owned()), 1);
    }

    fn add(&self, key: Key, n: i64) {
        let mut waiting = self.waiting();
        let has_place = waiting.len() < MAX_WAITING || waiting.contains_key(&key);
        let key = if has_place { key } else { (key.0, key.1, OTHERS.to_owned()) };
        let count = waiting.entry(key).or_default();
        *count = count.saturating_add(n);
    }

    /// All waiting counts, sorted by key, so that two processes that write the same rows cannot deadlock.
    fn take(&self) -> Vec<(Key, i64)> {
        std::mem::take(&mut *self.waiting()).into_iter().collect()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Key, i64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Counts a log-in.
    pub fn count_login(&self, result: &'static str) {
        Metrics::count(&self.metrics.logins, result);
        self.activity.count(Series::Logins, result, self.now());
    }

    /// Counts a refresh.
    pub fn count_refresh(&self, result: &'static str) {
        Metrics::count(&self.metrics.refreshes, result);
        self.activity.count(Series::Refreshes, result, self.now());
    }

    /// Counts an access token that was issued to a client for an API, or for the issuer itself. Clients and APIs that
    /// are no longer registered, and clients that describe themselves, share a key: unauthenticated callers must not
    /// be able to create rows.
    pub fn count_issued(&self, client_id: &str, api: Option<&str>, now: Timestamp) {
        let is_client = client_id == BUILT_IN || self.is_registered_client(client_id);
        let client = if is_client { client_id } else { OTHERS };
        self.activity.count(Series::TokensByClient, client, now);
        let is_api = self.audience(api).is_some();
        let api = if is_api { api.unwrap_or(self.issuer()) } else { OTHERS };
        self.activity.count(Series::TokensByApi, api, now);
    }

    /// Adds the waiting counts to the database. Counts that another caller is writing are stored as well when this
    /// returns.
    ///
    /// # Errors
    /// When the database cannot be written. The remaining counts are written the next time.
    pub async fn write_activity(&self) -> Result<(), Fault> {
        let _writing = self.activity.writing.lock().await;
        let counts = self.activity.take();
        let mut parts = counts.chunks(WRITTEN_AT_ONCE);
        while let Some(part) = parts.next() {
            if let Err(fault) = self.write_counts(part).await {
                for (key, n) in part.iter().chain(parts.flatten()) {
                    self.activity.add(key.clone(), *n);
                }
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn write_counts(&self, counts: &[(Key, i64)]) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for width in Width::ALL {
            for ((at, series, key), n) in counts {
                let (bucket, key) = (width.bucket(*at), key.clone());
                let count = Count { series: *series, width, bucket, key, n: *n };
                store::add(&mut tx, &count).await?;
            }
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_events_are_one_count_and_the_number_of_counts_is_bounded() {
        let counts = ActivityCounts::default();
        for second in [0, 599, 600] {
            counts.count(Series::Logins, "ok", Timestamp::from_secs(second));
        }
        let key = |secs, key: &str| (Timestamp::from_secs(secs), Series::Logins, key.to_owned());
        assert_eq!(counts.take(), [(key(0, "ok"), 2), (key(600, "ok"), 1)]);
        assert!(counts.take().is_empty(), "they are taken once");
        for client in 0..MAX_WAITING + 10 {
            counts.count(Series::Logins, &format!("c{client}"), Timestamp::from_secs(0));
        }
        let taken = counts.take();
        assert_eq!(taken.len(), MAX_WAITING + 1);
        assert_eq!(taken[0], (key(0, OTHERS), 10));
    }
}
