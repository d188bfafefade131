//! Rate limits by network and by user, in the memory of this process.
//!
//! Owns one table of buckets for each purpose, and their monotonic clock, so that a change of the wall clock neither
//! closes nor opens a limit. A request with an unknown client address is not counted under a proxy's address: limits on
//! writes and on guessed user codes apply to all such requests together, other limits on failures not at all.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::id::UserId;
use crate::base::{Clock, TimeSpan};
use crate::domain::rate_limit::{RateLimit, UNKNOWN_ADDRESSES};
use crate::domain::token_bucket::Bucket;

use super::bucket_table::{BucketTable, Counted};

/// Buckets by purpose and network.
pub struct AddressLimiter {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    tables: Vec<Mutex<BucketTable>>,
}

/// The counted event, and its network or user.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    purpose: RateLimit,
    who: Who<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Who<'a> {
    Network { address: Option<IpAddr>, name: &'a str },
    User(UserId),
}

impl<'a> Subject<'a> {
    /// A network.
    #[must_use]
    pub const fn new(purpose: RateLimit, address: Option<IpAddr>) -> Self {
        Self { purpose, who: Who::Network { address, name: "" } }
    }

    /// A network and a name that callers cannot invent, such as a registered `client_id`.
    #[must_use]
    pub const fn named(purpose: RateLimit, address: Option<IpAddr>, name: &'a str) -> Self {
        Self { purpose, who: Who::Network { address, name } }
    }

    /// A user, in any network.
    #[must_use]
    pub const fn of_user(purpose: RateLimit, user: UserId) -> Self {
        Self { purpose, who: Who::User(user) }
    }
}

impl AddressLimiter {
    /// Empty tables.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let tables = RateLimit::ALL.iter().map(|_| Mutex::default()).collect();
        Self { clock, hasher: RandomState::new(), tables }
    }

    /// Takes one token from the bucket.
    ///
    /// # Errors
    /// How long to wait for the next token.
    pub fn take(&self, subject: Subject<'_>) -> Result<(), TimeSpan> {
        let Some((bucket, counted)) = self.counted(subject) else { return Ok(()) };
        self.table(subject.purpose).take(bucket, counted, self.clock.counted())
    }

    /// Whether more than `reserved` tokens are left, without taking any. `Ok(false)` when the reservations use up
    /// the rest.
    ///
    /// # Errors
    /// The bucket is empty: how long to wait for the next token.
    pub fn has_more_than(&self, reserved: usize, subject: Subject<'_>) -> Result<bool, TimeSpan> {
        let Some((bucket, counted)) = self.counted(subject) else { return Ok(true) };
        let now = self.clock.counted();
        let level = self.table(subject.purpose).level(bucket, counted);
        bucket.take(level, now)?;
        let left = usize::try_from(bucket.left(level, now)).unwrap_or(usize::MAX);
        Ok(left > reserved)
    }

    /// Refills the bucket of a network.
    pub fn clear(&self, purpose: RateLimit, address: IpAddr) {
        let (bucket, counted) = (purpose.bucket(), Counted::new(&self.hasher, address, ""));
        self.table(purpose).clear(bucket, counted);
    }

    /// Returns a token, because the request is not counted after all.
    pub fn give_back(&self, subject: Subject<'_>) {
        if let Some((bucket, counted)) = self.counted(subject) {
            self.table(subject.purpose).give_back(bucket, counted);
        }
    }

    fn counted(&self, subject: Subject<'_>) -> Option<(Bucket, Counted)> {
        let bucket = subject.purpose.bucket();
        let (address, name) = match subject.who {
            Who::User(user) => return Some((bucket, Counted::of_user(&self.hasher, user))),
            Who::Network { address, name } => (address, name),
        };
        match address {
            Some(address) => Some((bucket, Counted::new(&self.hasher, address, name))),
            None if subject.purpose.bounds_unknown_addresses() => {
                Some((bucket.shared_by(UNKNOWN_ADDRESSES), Counted::unknown(&self.hasher)))
            }
            None => None,
        }
    }

    fn table(&self, purpose: RateLimit) -> MutexGuard<'_, BucketTable> {
        self.tables[purpose as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
