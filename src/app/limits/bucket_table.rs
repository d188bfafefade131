//! Token buckets by network, in bounded memory.
//!
//! When the table is full, the bucket of another network is evicted and becomes the bucket of that network's
//! prefix. Networks of this prefix without a bucket of their own take from it until it has refilled. So an attacker
//! cannot escape a limit by filling the table, and networks elsewhere are not affected.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use crate::base::TimeSpan;
use crate::base::id::UserId;
use crate::domain::network::{network, prefix};
use crate::domain::token_bucket::{Bucket, Level};

use super::bounded_table::BoundedTable;

/// The most networks with a bucket of their own, for each purpose.
pub const MAX_NETWORKS: usize = 65_536;
/// The most prefixes with the bucket of an evicted network.
const MAX_PREFIXES: usize = MAX_NETWORKS / 4;

/// The keys of a caller: its network and a name, and its prefix and that name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    network: u64,
    prefix: u64,
}

impl Counted {
    /// `name` distinguishes callers of one network; it is empty when all of them are counted together.
    pub(super) fn new(hasher: &RandomState, address: IpAddr, name: &str) -> Self {
        let key = |net: IpAddr, what: u8| hasher.hash_one((what, net, name));
        Self { network: key(network(address), 0), prefix: key(prefix(address), 1) }
    }

    /// A user. The key of the prefix is unique as well, so that an evicted bucket is not shared.
    pub(super) fn of_user(hasher: &RandomState, user: UserId) -> Self {
        let key = |what: u8| hasher.hash_one((what, user.uuid()));
        Self { network: key(3), prefix: key(4) }
    }

    /// The key of the network itself.
    pub(super) const fn network(self) -> u64 {
        self.network
    }

    /// The keys that all callers with unknown addresses share.
    pub(super) fn unknown(hasher: &RandomState) -> Self {
        let key = hasher.hash_one(2_u8);
        Self { network: key, prefix: key }
    }
}

struct Entry {
    level: Level,
    prefix: u64,
}

/// The buckets of one purpose.
pub(super) struct BucketTable {
    networks: BoundedTable<Entry>,
    prefixes: BoundedTable<Level>,
}

impl Default for BucketTable {
    fn default() -> Self {
        Self::with_capacity(MAX_NETWORKS, MAX_PREFIXES)
    }
}

impl BucketTable {
    fn with_capacity(networks: usize, prefixes: usize) -> Self {
        Self { networks: BoundedTable::new(networks), prefixes: BoundedTable::new(prefixes) }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long to wait for the next token.
    pub(super) fn take(
        &mut self,
        bucket: Bucket,
        counted: Counted,
        now: TimeSpan,
    ) -> Result<(), TimeSpan> {
        if let Some(entry) = self.networks.get(counted.network) {
            entry.level = bucket.take(entry.level, now)?;
            return Ok(());
        }
        if let Some(level) = self.prefixes.get(counted.prefix)
            && !bucket.is_full(*level, now)
        {
            *level = bucket.take(*level, now)?;
            return Ok(());
        }
        let level = bucket.take(bucket.full(), now)?;
        let entry = Entry { level, prefix: counted.prefix };
        let is_spent = |entry: &Entry| bucket.is_full(entry.level, now);
        if let Some(evicted) = self.networks.insert(counted.network, entry, is_spent)
            && !bucket.is_full(evicted.level, now)
        {
            let before = self.prefixes.peek(evicted.prefix).copied();
            let level = before.map_or(evicted.level, |before| before.max(evicted.level));
            // When the prefixes are full as well, those that refill soonest are evicted.
            self.prefixes.insert_over_least(evicted.prefix, level);
        }
        Ok(())
    }

    /// The level of the bucket from which the next token would be taken.
    pub(super) fn level(&self, bucket: Bucket, counted: Counted) -> Level {
        let own = self.networks.peek(counted.network).map(|entry| entry.level);
        let level = own.or_else(|| self.prefixes.peek(counted.prefix).copied());
        level.unwrap_or(bucket.full())
    }

    /// Refills a bucket. It has its own entry until it is evicted, so the bucket of its prefix is not used.
    pub(super) fn clear(&mut self, bucket: Bucket, counted: Counted) {
        let entry = Entry { level: bucket.full(), prefix: counted.prefix };
        self.networks.insert(counted.network, entry, |_| false);
    }

    /// Returns a token.
    pub(super) fn give_back(&mut self, bucket: Bucket, counted: Counted) {
        if let Some(entry) = self.networks.get(counted.network) {
            entry.level = bucket.give_back(entry.level);
        } else if let Some(level) = self.prefixes.get(counted.prefix) {
            *level = bucket.give_back(*level);
        }
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        (self.networks.len(), self.prefixes.len())
    }
}

#[cfg(test)]
#[path = "bucket_table_tests.rs"]
mod tests;
