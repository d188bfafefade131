//! Round robin at every level of an address.
//!
//! A tree: at each level the waiting groups take turns, and a group passes its turn on to the groups within it.
//! Each leaf is a FIFO queue.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use uuid::Uuid;

use crate::domain::network::levels;

/// The identity under which a request takes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// The command line, and requests whose client address is unknown.
    Unknown,
    /// An unauthenticated caller, by its address.
    Address(IpAddr),
    /// An authenticated caller, by the id of its account, from any network.
    Account(Uuid),
}

/// The groups that a requester belongs to, the widest first.
pub(super) type Path = [Group; 3];

/// A group of requesters that share turns at one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Unknown,
    Network(IpAddr),
    Account(Uuid),
}

impl From<Option<IpAddr>> for Requester {
    fn from(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Unknown, Self::Address)
    }
}

impl Requester {
    pub(super) fn path(self) -> Path {
        match self {
            Self::Unknown => [Group::Unknown; 3],
            Self::Address(address) => levels(address).map(Group::Network),
            Self::Account(id) => [Group::Account(id); 3],
        }
    }
}

/// A group with the groups within it, or a leaf with its requests.
#[derive(Debug)]
pub(super) struct Turns<T> {
    groups: HashMap<Group, Turns<T>>,
    /// The groups with waiting requests, in the order of their turns.
    order: VecDeque<Group>,
    /// The requests at a leaf.
    line: VecDeque<(u64, T)>,
    /// Slots here and below, reserved or taken.
    places: usize,
    /// Of these, how many are taken.
    waiting: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        let (groups, order, line) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { groups, order, line, places: 0, waiting: 0 }
    }
}

impl<T> Turns<T> {
    /// The number of slots, reserved or taken.
    pub(super) const fn places(&self) -> usize {
        self.places
    }

    /// The number of waiting requests.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// The number of slots of the widest group on the path, which is the largest.
    pub(super) fn places_of(&self, path: &[Group]) -> usize {
        let [first, ..] = path else { return 0 };
        self.groups.get(first).map_or(0, Self::places)
    }

    /// How many requests are served here before the next one on this path: every other group gets as many turns as
    /// this one needs.
    pub(super) fn before(&self, path: &[Group]) -> usize {
        let Some((first, rest)) = path.split_first() else { return self.places };
        let own = self.groups.get(first).map_or(0, |group| group.before(rest));
        let others = self.groups.iter().filter(|(group, _)| *group != first);
        own + others.map(|(_, group)| group.places.min(own + 1)).sum::<usize>()
    }

    pub(super) fn reserve(&mut self, path: &[Group]) {
        self.places += 1;
        if let Some((first, rest)) = path.split_first() {
            self.groups.entry(*first).or_default().reserve(rest);
        }
    }

    /// Releases a reserved slot; false when there is none.
    pub(super) fn release(&mut self, path: &[Group]) -> bool {
        let released = match path.split_first() {
            None => self.places > self.waiting,
            Some((first, rest)) => {
                let released = self.groups.get_mut(first).is_some_and(|group| group.release(rest));
                self.forget_if_empty(first);
                released
            }
        };
        self.places -= usize::from(released);
        released
    }

    /// Takes a reserved slot.
    pub(super) fn push(&mut self, path: &[Group], ticket: u64, job: T) {
        self.waiting += 1;
        // Includes a slot that was not reserved.
        self.places = self.places.max(self.waiting);
        let Some((first, rest)) = path.split_first() else {
            self.line.push_back((ticket, job));
            return;
        };
        let group = self.groups.entry(*first).or_default();
        if group.waiting == 0 {
            self.order.push_back(*first);
        }
        group.push(rest, ticket, job);
    }

    /// Leaves the queue; `None` if its turn has already come.
    pub(super) fn leave(&mut self, path: &[Group], ticket: u64) -> Option<T> {
        let job = match path.split_first() {
            None => {
                let at = self.line.iter().position(|(known, _)| *known == ticket)?;
                self.line.remove(at)?.1
            }
            Some((first, rest)) => {
                let group = self.groups.get_mut(first)?;
                let job = group.leave(rest, ticket)?;
                if group.waiting == 0 {
                    self.order.retain(|known| known != first);
                }
                self.forget_if_empty(first);
                job
            }
        };
        self.gave_up();
        Some(job)
    }

    /// The next request.
    pub(super) fn pop(&mut self) -> Option<T> {
        let job = match self.order.pop_front() {
            None => self.line.pop_front()?.1,
            Some(first) => {
                let group = self.groups.get_mut(&first)?;
                let job = group.pop()?;
                if group.waiting > 0 {
                    self.order.push_back(first);
                }
                self.forget_if_empty(&first);
                job
            }
        };
        self.gave_up();
        Some(job)
    }

    fn gave_up(&mut self) {
        self.waiting -= 1;
        self.places -= 1;
    }

    fn forget_if_empty(&mut self, group: &Group) {
        if self.groups.get(group).is_some_and(|group| group.places == 0) {
            self.groups.remove(group);
        }
    }

    /// Whether no slot is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let left = [self.places, self.waiting, self.groups.len(), self.order.len()];
        left == [0; 4] && self.line.is_empty()
    }
}
