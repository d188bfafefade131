//! The queue of password hashes: its order, and admission control by the expected wait.
//!
//! A pure data structure without locks and clocks. There are two lanes. In each, networks take turns at every level
//! of the address (/48, /56 and /64; /24 and the IPv4 address), so that a prefix has one turn however many networks
//! it has. Authenticated callers take turns by account.

use std::time::Duration;

use super::turns::Turns;

pub use super::turns::Requester;

/// The most slots, taken or reserved: a bound on memory, not on the wait.
pub const PLACES: usize = 1024;
/// The most slots for networks without standing. The rest is for known networks.
pub const STRANGERS: usize = PLACES / 4 * 3;
/// The most slots of one network or prefix in one lane.
pub const SHARE: usize = PLACES / 4;
/// A requester with fewer slots is small, and this many slots are for small requesters only, so that a few
/// floods, each within its share, leave room for others.
const SMALL: usize = 4;
const FOR_SMALL: usize = PLACES / 8;
/// While both lanes wait, every fourth turn is the strangers'.
const STRANGERS_TURN: usize = 4;
/// The weight limit of an unusually long hash (an imported one, a suspended machine) in the average, in
/// multiples of the average.
const OUTLIER: u32 = 8;

/// The lane of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The network has standing, or the caller has authenticated.
    Known,
    /// All others.
    Stranger,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Every slot is taken.
    Full,
    /// The network, or the prefix around it, has used its share of them.
    NetworkQuota,
    /// The wait would be longer than allowed.
    TooLong,
}

/// The queue for a number of workers.
#[derive(Debug)]
pub struct Queue<T> {
    workers: usize,
    max_wait: Duration,
    lanes: [Turns<T>; 2],
    /// Turns of the known lane since the last one of the strangers.
    in_a_row: usize,
    busy: usize,
    average: Duration,
    next_ticket: u64,
}

impl<T> Queue<T> {
    /// An empty queue for `workers` threads. A hash is assumed to take `guess` until hashes have been measured.
    pub fn new(workers: usize, max_wait: Duration, guess: Duration) -> Self {
        Self {
            workers: workers.max(1),
            max_wait,
            lanes: [Turns::default(), Turns::default()],
            in_a_row: 0,
            busy: 0,
            average: guess,
            next_ticket: 0,
        }
    }

    /// Reserves a slot, or returns why it cannot and how long the wait would be.
    pub fn reserve(&mut self, lane: Lane, who: Requester) -> Result<(), (Refused, Duration)> {
        let wait = self.wait(lane, who);
        let free = self.free(lane);
        let path = who.path();
        let own = self.lanes[lane as usize].places_of(&path);
        let why = if free == 0 {
            Refused::Full
        } else if own >= SMALL && own >= SHARE.min(free.saturating_sub(FOR_SMALL)) {
            Refused::NetworkQuota
        } else if wait > self.max_wait {
            Refused::TooLong
        } else {
            self.lanes[lane as usize].reserve(&path);
            return Ok(());
        };
        Err((why, wait))
    }

    /// The free slots of a lane.
    fn free(&self, lane: Lane) -> usize {
        let [known, strangers] = [&self.lanes[0], &self.lanes[1]].map(Turns::places);
        let free = PLACES.saturating_sub(known + strangers);
        match lane {
            Lane::Known => free,
            Lane::Stranger => free.min(STRANGERS.saturating_sub(strangers)),
        }
    }

    /// Releases a reserved slot.
    pub fn release(&mut self, lane: Lane, who: Requester) {
        self.lanes[lane as usize].release(&who.path());
    }

    /// Takes a reserved slot and returns the ticket with which to leave.
    pub fn push(&mut self, lane: Lane, who: Requester, job: T) -> u64 {
        self.next_ticket += 1;
        self.lanes[lane as usize].push(&who.path(), self.next_ticket, job);
        self.next_ticket
    }

    /// Leaves the queue; `None` if its turn has already come.
    pub fn leave(&mut self, lane: Lane, who: Requester, ticket: u64) -> Option<T> {
        self.lanes[lane as usize].leave(&who.path(), ticket)
    }

    /// The next request. The worker that takes it is busy until it calls [`Queue::done`].
    pub fn pop(&mut self) -> Option<T> {
        let [known, strangers] = &mut self.lanes;
        let is_strangers_turn = self.in_a_row + 1 >= STRANGERS_TURN;
        let strangers_next = known.waiting() == 0 || (is_strangers_turn && strangers.waiting() > 0);
        let lane = if strangers_next {
            self.in_a_row = 0;
            strangers
        } else {
            self.in_a_row = (self.in_a_row + 1).min(STRANGERS_TURN - 1);
            known
        };
        let job = lane.pop()?;
        self.busy += 1;
        Some(job)
    }

    /// Frees a worker; `took` is the time of its hash, if it has hashed.
    pub fn done(&mut self, took: Option<Duration>) {
        self.busy = self.busy.saturating_sub(1);
        if let Some(took) = took {
            let took = took.min(self.average * OUTLIER).max(Duration::from_micros(1));
            self.average = (self.average * 7 + took) / 8;
        }
    }

    /// The number of waiting requests, without mere reservations.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(Turns::waiting).sum()
    }

    /// The expected wait of a new request, from recent hashes.
    pub fn wait(&self, lane: Lane, who: Requester) -> Duration {
        let before = self.before(lane, who) + self.busy;
        // Nothing waits while a worker is free.
        let turns = (before + 1).saturating_sub(self.workers);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        self.average.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX)) / workers
    }

    /// How many requests are served before the next one of this requester in this lane.
    fn before(&self, lane: Lane, who: Requester) -> usize {
        let (own, other) = match lane {
            Lane::Known => (&self.lanes[0], &self.lanes[1]),
            Lane::Stranger => (&self.lanes[1], &self.lanes[0]),
        };
        let beside = own.before(&who.path());
        let between = match lane {
            Lane::Known => beside / (STRANGERS_TURN - 1) + 1,
            Lane::Stranger => (beside + 1) * (STRANGERS_TURN - 1),
        };
        beside + other.places().min(between)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
