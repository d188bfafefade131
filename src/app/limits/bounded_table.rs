//! A table of bounded size. When it is full, a new entry replaces an old one.
//!
//! Eviction is second chance with a bounded search: an insertion looks at a fixed number of entries,
//! however many there are.

use std::collections::HashMap;

/// The most entries that an insertion looks at before it evicts the last of them.
const MAX_PROBES: usize = 8;

/// Values by a key that is a keyed hash, so that callers cannot choose keys that collide.
pub(super) struct BoundedTable<V> {
    capacity: usize,
    slots: Vec<Slot<V>>,
    index: HashMap<u64, usize>,
    hand: usize,
}

struct Slot<V> {
    key: u64,
    value: V,
    /// Whether it was used since the clock hand last passed.
    used: bool,
}

impl<V> BoundedTable<V> {
    /// An empty table for at most `capacity` entries. Its memory grows with the entries.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, slots: Vec::new(), index: HashMap::new(), hand: 0 }
    }

    /// The value of `key`, which is marked as used.
    pub(super) fn get(&mut self, key: u64) -> Option<&mut V> {
        let slot = self.slots.get_mut(*self.index.get(&key)?)?;
        slot.used = true;
        Some(&mut slot.value)
    }

    /// The value of `key`, without marking it as used.
    pub(super) fn peek(&self, key: u64) -> Option<&V> {
        self.slots.get(*self.index.get(&key)?).map(|slot| &slot.value)
    }

    /// Stores a value. When the table is full it returns the evicted value: preferably one that `is_spent`, or one
    /// that was not used since the hand last passed, near the hand.
    pub(super) fn insert(
        &mut self,
        key: u64,
        value: V,
        is_spent: impl FnMut(&V) -> bool,
    ) -> Option<V> {
        let value = self.insert_if_free(key, value)?;
        let at = self.victim(is_spent);
        self.replace(at, key, value)
    }

    /// Stores a value. When the table is full it replaces the least value near the hand.
    pub(super) fn insert_over_least(&mut self, key: u64, value: V)
    where
        V: Ord,
    {
        let Some(value) = self.insert_if_free(key, value) else { return };
        let (first, count) = (self.hand, self.slots.len());
        self.hand = (self.hand + MAX_PROBES) % count;
        let near = (first..first + MAX_PROBES.min(count)).map(|at| at % count);
        if let Some(at) = near.min_by_key(|at| &self.slots[*at].value) {
            self.replace(at, key, value);
        }
    }

    /// Stores a value under its key or in a free slot; returns it if there is neither.
    fn insert_if_free(&mut self, key: u64, value: V) -> Option<V> {
        if let Some(known) = self.get(key) {
            *known = value;
            return None;
        }
        if self.slots.len() >= self.capacity {
            return Some(value);
        }
        self.index.insert(key, self.slots.len());
        self.slots.push(Slot { key, value, used: false });
        None
    }

    fn replace(&mut self, at: usize, key: u64, value: V) -> Option<V> {
        let old = std::mem::replace(self.slots.get_mut(at)?, Slot { key, value, used: false });
        self.index.remove(&old.key);
        self.index.insert(key, at);
        Some(old.value)
    }

    /// The slot to evict; the hand moves past it.
    fn victim(&mut self, mut is_spent: impl FnMut(&V) -> bool) -> usize {
        let mut at = self.hand;
        for _ in 0..MAX_PROBES {
            at = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[at];
            if is_spent(&slot.value) || !std::mem::take(&mut slot.used) {
                break;
            }
        }
        at
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.slots.len(), self.index.len());
        self.slots.len()
    }
}

#[cfg(test)]
#[path = "bounded_table_tests.rs"]
mod tests;
