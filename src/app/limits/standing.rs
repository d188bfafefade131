//! The standing of networks: recent log-ins of accounts earn it, and failures lose it.
//!
//! An account gives standing to a fixed number of networks from which it last logged in. The database stores
//! them, and this process caches them for a minute. Failed log-ins, and requests that the queue for password
//! hashes refused, are counted in memory: a network has standing while its accounts outweigh them. The account of
//! an attempt is irrelevant, because a lane that depended on it would reveal which accounts exist.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Clock, TimeSpan};
use crate::domain::rate_limit::{MAX_STANDING, STANDING};

use super::bounded_table::BoundedTable;
use super::bucket_table::{BucketTable, Counted, MAX_NETWORKS};

/// How long the stored networks are cached: another process may record a log-in.
const REMEMBER: TimeSpan = TimeSpan::from_mins(1);

#[derive(Debug, Clone, Copy)]
struct Earned {
    accounts: u32,
    at: TimeSpan,
}

/// The standing of networks, as this process knows it.
pub struct Standing {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    earned: Mutex<BoundedTable<Earned>>,
    failures: Mutex<BucketTable>,
}

impl Standing {
    /// Nothing is known.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let earned = Mutex::new(BoundedTable::new(MAX_NETWORKS));
        Self { clock, hasher: RandomState::new(), earned, failures: Mutex::default() }
    }

    /// How many accounts give standing to this address's network; `None` if it must be read from the database.
    #[must_use]
    pub fn accounts(&self, address: IpAddr) -> Option<u32> {
        let key = Counted::new(&self.hasher, address, "").network();
        let earned = lock(&self.earned).get(key).copied()?;
        (self.clock.counted() - earned.at < REMEMBER).then_some(earned.accounts)
    }

    /// Caches the number from the database.
    pub fn learn(&self, address: IpAddr, accounts: u32) {
        let key = Counted::new(&self.hasher, address, "").network();
        let now = self.clock.counted();
        let is_over = |earned: &Earned| now - earned.at >= REMEMBER;
        lock(&self.earned).insert(key, Earned { accounts, at: now }, is_over);
    }

    /// Drops the cached number, because an account has just logged in from there.
    pub fn forget(&self, address: IpAddr) {
        let key = Counted::new(&self.hasher, address, "").network();
        if let Some(earned) = lock(&self.earned).get(key) {
            earned.at = self.clock.counted() - REMEMBER;
        }
    }

    /// Whether a network has standing, given the number of accounts that give it standing.
    #[must_use]
    pub fn holds(&self, address: IpAddr, accounts: u32) -> bool {
        if accounts == 0 {
            return false;
        }
        let bucket = STANDING.shared_by(accounts.min(MAX_STANDING));
        let counted = Counted::new(&self.hasher, address, "");
        let level = lock(&self.failures).level(bucket, counted);
        bucket.left(level, self.clock.counted()) > 0
    }

    /// Counts a failed log-in, or a request that was refused.
    pub fn count(&self, address: IpAddr) {
        let accounts = self.accounts(address).unwrap_or(1).clamp(1, MAX_STANDING);
        let counted = Counted::new(&self.hasher, address, "");
        // An empty bucket stays empty.
        let _ =
            lock(&self.failures).take(STANDING.shared_by(accounts), counted, self.clock.counted());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
