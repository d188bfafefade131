//! Connections in groups, each in the order in which they became idle.
//!
//! A request must not pay for this order: connections only note when bytes last came or went. A group
//! records an earlier time and corrects it when it searches, so that each correction pays for one use.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// How many busy connections a search passes.
const MAX_BUSY: usize = 64;

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// It has been waiting for a request since then.
    Since(u64),
    /// It owes its client an answer.
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

    /// The connection of a group that has been idle for longest. None where the first are all busy.
    pub(super) fn longest_idle(
        &mut self,
        key: IpAddr,
        now: u64,
        idle: &impl Fn(u64) -> Idle,
    ) -> Option<u64> {
        let group = self.groups.get_mut(&key)?;
        let mut busy = 0;
        while busy < MAX_BUSY {
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
mod tests {
    use super::*;

    const KEY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_longest_idle_is_found_however_often_connections_were_used_since() {
        let mut groups = Groups::default();
        let mut state = HashMap::new();
        for id in 0..200 {
            groups.insert(KEY, id, id);
            state.insert(id, Idle::Since(1_000 + (id * 37) % 200));
        }
        let expected = (0..200).min_by_key(|id| (id * 37) % 200);
        assert_eq!(groups.longest_idle(KEY, 5_000, &|id| state[&id]), expected);
        state.insert(expected.unwrap(), Idle::Busy);
        let expected = (0..200).find(|id| (id * 37) % 200 == 1);
        assert_eq!(groups.longest_idle(KEY, 5_000, &|id| state[&id]), expected);
    }

    #[test]
    fn where_all_are_busy_none_is_idle_and_the_search_is_bounded() {
        let mut groups = Groups::default();
        for id in 0..1_000 {
            groups.insert(KEY, id, id);
        }
        let asked = std::cell::Cell::new(0);
        let idle = |_| {
            asked.set(asked.get() + 1);
            Idle::Busy
        };
        assert_eq!(groups.longest_idle(KEY, 5_000, &idle), None);
        assert_eq!(asked.get(), MAX_BUSY);
        groups.remove(KEY, 7);
        assert_eq!(groups.len(KEY), 999);
        assert_eq!(groups.largest(3), [KEY]);
        (0..1_000).for_each(|id| groups.remove(KEY, id));
        assert!(groups.groups.is_empty() && groups.sizes.is_empty());
    }
}
