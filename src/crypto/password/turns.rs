//! Round robin at every level of an address.
//!
//! A tree: at each level the groups that wait take turns, and a group passes its turn on to the groups
//! within it. The leaves are served in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use uuid::Uuid;

use crate::domain::network::levels;

/// Under which name a request takes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// The command line, and requests whose client address is unknown.
    Unknown,
    /// A caller that has not authenticated, by its address.
    Address(IpAddr),
    /// A caller that has authenticated, by the id of its account, from whichever network.
    Account(Uuid),
}

/// The groups that a requester belongs to, the widest first.
pub(super) type Path = [Group; 3];

/// Those that share turns at one level.
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

/// One group with the groups within it, or a leaf with what waits there.
#[derive(Debug)]
pub(super) struct Turns<T> {
    groups: HashMap<Group, Turns<T>>,
    /// The groups in which something waits, in the order of their turns.
    order: VecDeque<Group>,
    /// What waits at a leaf.
    line: VecDeque<(u64, T)>,
    /// Places here and below, reserved or taken.
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
    /// How many places there are, reserved or taken.
    pub(super) const fn places(&self) -> usize {
        self.places
    }

    /// How many wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many places the widest group on the path has; those within it have no more.
    pub(super) fn places_of(&self, path: &[Group]) -> usize {
        let [first, ..] = path else { return 0 };
        self.groups.get(first).map_or(0, Self::places)
    }

    /// How many are served here before the next one on this path: of every other group as many turns as
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

    /// Gives up a place that was reserved and not taken; false when there is none.
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

    /// Takes a reserved place.
    pub(super) fn push(&mut self, path: &[Group], ticket: u64, job: T) {
        self.waiting += 1;
        // A place that was not reserved is one nevertheless.
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

    /// Leaves; nothing when its turn has come.
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

    /// What is served next.
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

    /// Whether nothing is kept of those that were here.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let left = [self.places, self.waiting, self.groups.len(), self.order.len()];
        left == [0; 4] && self.line.is_empty()
    }
}
