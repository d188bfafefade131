//! Connections in groups, each in the order in which they became idle.
//!
//! Requests must not pay for this order: connections only record the time of the last bytes. A group keeps an
//! earlier time and corrects it during a search, so that each correction is paid by one use.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// How many busy connections a search passes.
const MAX_BUSY_SKIPPED: usize = 64;

/// The activity of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// It has been waiting for a request since then.
    Since(u64),
    /// The client waits for a response.
    Busy,
}

/// Connections by group.
#[derive(Default)]
pub(super) struct Groups {
    groups: HashMap<IpAddr, Group>,
    sizes: BTreeSet<(usize, IpAddr)>,
}

#[derive(Default)]
struct Group {
    order: BTreeSet<(u64, u64)>,
    recorded: HashMap<u64, u64>,
}

impl Groups {
    /// How many connections a group has.
    pub(super) fn len(&self, key: IpAddr) -> usize {
        self.groups.get(&key).map_or(0, |group| group.order.len())
    }

    /// The largest groups, the largest first.
    pub(super) fn largest(&self, most: usize) -> Vec<IpAddr> {
        self.sizes.iter().rev().take(most).map(|(_, key)| *key).collect()
    }

    /// Adds a connection that is idle since `now`.
    pub(super) fn insert(&mut self, key: IpAddr, id: u64, now: u64) {
        let group = self.groups.entry(key).or_default();
        self.sizes.remove(&(group.order.len(), key));
        group.record(id, now);
        self.sizes.insert((group.order.len(), key));
    }

    /// Removes a connection.
    pub(super) fn remove(&mut self, key: IpAddr, id: u64) {
        let Some(group) = self.groups.get_mut(&key) else { return };
        self.sizes.remove(&(group.order.len(), key));
        if let Some(recorded) = group.recorded.remove(&id) {
            group.order.remove(&(recorded, id));
        }
        if group.order.is_empty() {
            self.groups.remove(&key);
        } else {
            self.sizes.insert((group.order.len(), key));
        }
    }

    /// The connection of a group that has been idle for longest. `None` if all that were examined are busy.
    pub(super) fn longest_idle(
        &mut self,
        key: IpAddr,
        now: u64,
        idle: &impl Fn(u64) -> Idle,
    ) -> Option<u64> {
        let group = self.groups.get_mut(&key)?;
        let mut busy = 0;
        while busy < MAX_BUSY_SKIPPED {
            let &(recorded, id) = group.order.first()?;
            match idle(id) {
                Idle::Since(since) if since <= recorded => return Some(id),
                Idle::Since(since) => group.record(id, since),
                Idle::Busy if recorded >= now => return None,
                Idle::Busy => {
                    busy += 1;
                    group.record(id, now);
                }
            }
        }
        None
    }
}

impl Group {
    fn record(&mut self, id: u64, at: u64) {
        if let Some(before) = self.recorded.insert(id, at) {
            self.order.remove(&(before, id));
        }
        self.order.insert((at, id));
    }
}

#[cfg(test)]
#[path = "idle_order_tests.rs"]
mod tests;
