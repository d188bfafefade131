//! Findings about requests of clients, collected in memory until a job stores them, so that a refused request
//! writes nothing.
//!
//! Bounded: callers without credentials can name a registered client and cause findings.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::domain::client::Client;
use crate::domain::client_finding::{Finding, FindingKey, dropped};
use crate::domain::outcome::Fault;
use crate::domain::scope::RequestedScopes;
use crate::store::client_findings as store;

use super::App;

/// The most findings of different kinds between two writes. Further ones are only counted by the metrics.
const MAX_WAITING: usize = 1_024;
/// The most findings of one client, endpoint and code; further ones are summed. So requests that name one client
/// and invent scopes hide neither its other findings nor those of other clients.
const MAX_OF_KIND: usize = 16;

/// The findings that wait to be written.
#[derive(Default)]
pub struct ClientFindings {
    waiting: Mutex<BTreeMap<FindingKey, Seen>>,
    /// Locked during a write.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    times: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl ClientFindings {
    /// Counts a finding.
    pub fn note(&self, key: FindingKey, now: Timestamp) {
        self.add(key, Seen { times: 1, first_at: now, last_at: now });
    }

    fn add(&self, key: FindingKey, seen: Seen) {
        let mut waiting = self.waiting();
        let together = key.together();
        let of_kind = waiting
            .range(&together..)
            .take_while(|(other, _)| other.is_of_kind(&key))
            .take(MAX_OF_KIND)
            .count();
        let has_place = of_kind < MAX_OF_KIND || waiting.contains_key(&key);
        let key = if has_place { key } else { together };
        let is_full = waiting.len() >= MAX_WAITING;
        match waiting.get_mut(&key) {
            Some(known) => {
                known.times = known.times.saturating_add(seen.times);
                known.first_at = known.first_at.min(seen.first_at);
                known.last_at = known.last_at.max(seen.last_at);
            }
            None if is_full => {}
            None => {
                waiting.insert(key, seen);
            }
        }
    }

    /// All waiting findings, sorted by key, so that two processes that write the same ones cannot deadlock.
    fn take(&self) -> Vec<Finding> {
        let finding =
            |(key, Seen { times, first_at, last_at })| Finding { key, times, first_at, last_at };
        std::mem::take(&mut *self.waiting()).into_iter().map(finding).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<FindingKey, Seen>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Records the scopes that were left out of a request of `client`.
    pub fn note_dropped(&self, client: &Client, endpoint: &'static str, scopes: &RequestedScopes) {
        let now = self.now();
        let exists = |scope: &str| self.is_offered(scope);
        for key in dropped(&client.client_id, endpoint, scopes, exists) {
            self.client_findings.note(key, now);
        }
    }

    /// Stores the waiting findings. Findings that another caller is writing are stored as well when this returns.
    ///
    /// # Errors
    /// When the database cannot be written. The rest is written the next time.
    pub async fn write_client_findings(&self) -> Result<(), Fault> {
        let _writing = self.client_findings.writing.lock().await;
        let findings = self.client_findings.take();
        if findings.is_empty() {
            return Ok(());
        }
        let written = self.write_findings(&findings).await;
        if written.is_err() {
            for Finding { key, times, first_at, last_at } in findings {
                self.client_findings.add(key, Seen { times, first_at, last_at });
            }
        }
        written
    }

    async fn write_findings(&self, findings: &[Finding]) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for finding in findings {
            store::add(&mut tx, finding).await?;
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client_id: &str, detail: &str) -> FindingKey {
        FindingKey::new(client_id, "/oauth2/token", "scope_unknown", detail)
    }

    #[test]
    fn equal_findings_are_counted_and_different_ones_are_bounded() {
        let findings = ClientFindings::default();
        let at = Timestamp::from_secs;
        for second in [3, 1, 2] {
            findings.note(key("shop", "read"), at(second));
        }
        let taken = findings.take();
        assert_eq!(taken.len(), 1);
        let one = &taken[0];
        assert_eq!((one.times, one.first_at, one.last_at), (3, at(1), at(3)));
        assert!(findings.take().is_empty(), "they are taken once");
        for client in 0..2 * MAX_WAITING {
            findings.note(key(&format!("c{client}"), "read"), at(1));
        }
        assert_eq!(findings.take().len(), MAX_WAITING);
    }

    #[test]
    fn a_flood_that_names_one_client_leaves_other_findings() {
        let findings = ClientFindings::default();
        let at = Timestamp::from_secs(1);
        for number in 0..MAX_WAITING {
            findings.note(key("flooded", &number.to_string()), at);
        }
        findings.note(key("flooded", "0"), at);
        for other in ["flooded", "flooded.", "shop"] {
            findings.note(FindingKey::new(other, "/oauth2/token", "scope_not_granted", "read"), at);
        }
        let taken = findings.take();
        let unknown = taken.iter().filter(|one| one.key.code == "scope_unknown");
        let counted: Vec<i64> = unknown.map(|one| one.times).collect();
        // The summed findings, the first one, which was seen twice, and the others that were kept.
        assert_eq!((counted.len(), counted.iter().sum::<i64>()), (17, 1_025));
        assert_eq!((counted[0], counted[1]), (1_008, 2));
        assert_eq!(taken.len(), 17 + 3);
    }
}
