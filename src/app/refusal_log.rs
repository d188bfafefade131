//! Refused sign-in attempts, buffered for the audit trail.
//!
//! Owns the bound on the rows that a flood of refusals can cause. A refusal is recorded in memory and stored by a
//! job; refusals of one minute that fold into one row cost one statement. Beyond the bound of a minute, refusals are
//! counted without the login name, then without the address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::domain::audit::{Event, Origin};
use crate::domain::network::network;
use crate::domain::outcome::Fault;
use crate::store::audit::{self, Attempts};

use super::App;

/// The most rows of one minute.
const MAX_ROWS: usize = 256;
/// The most rows of one minute that name the login names typed in one network.
const MAX_LOGINS: usize = 8;

/// A refused attempt.
pub struct RefusedAttempt {
    /// The event, without the user.
    pub event: Event,
    /// The key of the typed login, whether or not a user has it; `None` if it is unknown.
    pub login_key: Option<String>,
    /// The origin of the request.
    pub origin: Origin,
    /// When the attempt was refused.
    pub at: Timestamp,
}

struct Row {
    attempt: RefusedAttempt,
    minute: i64,
    last_at: Timestamp,
    /// The number of refusals that are not stored yet.
    times: i64,
}

/// The recent refusals.
#[derive(Default)]
pub struct RefusalLog {
    rows: Mutex<BTreeMap<Vec<u8>, Row>>,
    writing: tokio::sync::Mutex<()>,
}

impl RefusalLog {
    /// Records a refusal and returns whether it is the first of its row. `fold` computes the key of the row for a
    /// login and an address, either of which may be absent.
    pub fn note(
        &self,
        attempt: RefusedAttempt,
        fold: impl Fn(Option<&str>, Option<IpAddr>) -> Vec<u8>,
    ) -> bool {
        let minute = attempt.at.secs().div_euclid(60);
        let address = attempt.origin.address;
        let mut rows = self.rows();
        let named = fold(attempt.login_key.as_deref(), address);
        let (key, attempt) = if rows.contains_key(&named) || has_room(&rows, &attempt, minute) {
            (named, attempt)
        } else {
            let unnamed = fold(None, address);
            let is_full = rows.len() >= MAX_ROWS && !rows.contains_key(&unnamed);
            let address = address.filter(|_| !is_full);
            let event = Event { login_ref: None, ..attempt.event };
            let origin = Origin { address, ..attempt.origin };
            let key = if is_full { fold(None, None) } else { unnamed };
            (key, RefusedAttempt { event, login_key: None, origin, ..attempt })
        };
        let at = attempt.at;
        let is_first = !rows.contains_key(&key);
        let row = rows.entry(key).or_insert(Row { attempt, minute, last_at: at, times: 0 });
        row.last_at = row.last_at.max(at);
        row.times += 1;
        is_first
    }

    /// Takes the rows that are not stored yet, and drops those of earlier minutes.
    fn take(&self, now: Timestamp) -> Vec<(Event, Attempts)> {
        let mut rows = self.rows();
        let taken = rows.iter_mut().filter(|(_, row)| row.times > 0).map(|(key, row)| {
            let RefusedAttempt { event, login_key, origin, at } = &row.attempt;
            let attempts = Attempts {
                login_key: login_key.clone(),
                origin: origin.clone(),
                at: *at,
                last_at: row.last_at,
                times: std::mem::take(&mut row.times),
            };
            (event.clone().folded(key.clone()), attempts)
        });
        let taken = taken.collect();
        let minute = now.secs().div_euclid(60);
        rows.retain(|_, row| row.minute == minute);
        taken
    }

    /// Restores counts that could not be stored, if their rows still exist.
    fn put_back(&self, written: &[(Event, Attempts)]) {
        let mut rows = self.rows();
        for (event, attempts) in written {
            let key = event.fold.as_deref().unwrap_or_default();
            if let Some(row) = rows.get_mut(key) {
                row.times += attempts.times;
            }
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another row may name the login of this attempt.
fn has_room(rows: &BTreeMap<Vec<u8>, Row>, attempt: &RefusedAttempt, minute: i64) -> bool {
    if attempt.login_key.is_none() {
        return rows.len() < MAX_ROWS;
    }
    let net = attempt.origin.address.map(network);
    let same = |row: &&Row| {
        row.minute == minute
            && row.attempt.login_key.is_some()
            && row.attempt.origin.address.map(network) == net
    };
    rows.len() < MAX_ROWS && rows.values().filter(same).count() < MAX_LOGINS
}

impl App {
    /// Stores the waiting refusals. Refusals that another caller is writing are stored as well when this returns.
    ///
    /// # Errors
    /// When the database cannot be written. The rest is written the next time.
    pub async fn write_refusals(&self) -> Result<(), Fault> {
        let _writing = self.refusal_log.writing.lock().await;
        let taken = self.refusal_log.take(self.now());
        if taken.is_empty() {
            return Ok(());
        }
        let written = self.write_attempts(&taken).await;
        if written.is_err() {
            self.refusal_log.put_back(&taken);
        }
        written
    }

    async fn write_attempts(&self, taken: &[(Event, Attempts)]) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for (event, attempts) in taken {
            audit::record_attempts(&mut tx, event, attempts, &*self.entropy).await?;
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::EventKind;

    fn attempt(login: Option<&str>, address: &str, at: i64) -> RefusedAttempt {
        RefusedAttempt {
            event: Event::new(EventKind::LoginThrottled),
            login_key: login.map(str::to_owned),
            origin: Origin { address: address.parse().ok(), ..Origin::system() },
            at: Timestamp::from_secs(at),
        }
    }

    fn note(log: &RefusalLog, attempt: RefusedAttempt) -> bool {
        let minute = attempt.at.secs().div_euclid(60);
        log.note(attempt, |login, address| format!("{login:?} {address:?} {minute}").into_bytes())
    }

    #[test]
    fn refusals_of_a_minute_are_one_row_with_their_number() {
        let log = RefusalLog::default();
        let firsts = (0..1_000).filter(|_| note(&log, attempt(Some("ada"), "192.0.2.1", 60)));
        assert_eq!(firsts.count(), 1);
        let taken = log.take(Timestamp::from_secs(61));
        assert_eq!((taken.len(), taken[0].1.times), (1, 1_000));
        assert!(log.take(Timestamp::from_secs(61)).is_empty());
        assert!(!note(&log, attempt(Some("ada"), "192.0.2.1", 62)), "the row is there");
        assert_eq!(log.take(Timestamp::from_secs(120))[0].1.times, 1);
        assert!(note(&log, attempt(Some("ada"), "192.0.2.1", 121)), "another minute");
    }

    #[test]
    fn a_flood_of_names_or_networks_has_a_bounded_number_of_rows() {
        let log = RefusalLog::default();
        for number in 0..10_000 {
            note(&log, attempt(Some(&format!("user{number}")), "192.0.2.1", 60));
        }
        let taken = log.take(Timestamp::from_secs(61));
        assert_eq!(taken.len(), MAX_LOGINS + 1);
        assert_eq!(taken.iter().map(|(_, attempts)| attempts.times).sum::<i64>(), 10_000);
        let log = RefusalLog::default();
        for number in 0..10_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(number << 8).to_string();
            note(&log, attempt(None, &address, 60));
        }
        let taken = log.take(Timestamp::from_secs(61));
        assert_eq!(taken.len(), MAX_ROWS + 1);
        assert_eq!(taken.iter().map(|(_, attempts)| attempts.times).sum::<i64>(), 10_000);
    }
}
