//! The queue of password hashes: who waits, who is next, and who is refused at once because the wait
//! would be too long.
//!
//! A pure structure: it holds no lock, reads no clock and knows no password. There are two lanes. In each,
//! networks take turns at every level of the address (/48, /56 and /64; /24 and the IPv4 address), so that
//! one prefix has one turn however many networks it has, and callers that have authenticated take turns by
//! account.

use std::time::Duration;

use super::turns::Turns;

pub use super::turns::Requester;

/// The most places there are, taken or reserved: a bound for memory, not for the wait.
pub const PLACES: usize = 1024;
/// The most places of strangers: what is left is for known networks.
pub const STRANGERS: usize = PLACES / 4 * 3;
/// The most places of one network or prefix in one lane.
pub const SHARE: usize = PLACES / 4;
/// With fewer places a requester counts as small, and so many places are for small requesters only: a
/// few floods, each within its share, leave room for others.
const SMALL: usize = 4;
const FOR_SMALL: usize = PLACES / 8;
/// While both lanes wait, every so many-th turn is the strangers'.
const STRANGERS_TURN: usize = 4;
/// The most that a hash longer than all others (an imported one, a machine that slept) counts in the
/// average, in multiples of the average.
const OUTLIER: u32 = 8;

/// Which of the two lanes a request waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The network has standing, or the caller has authenticated.
    Known,
    /// All others.
    Stranger,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Every place is taken.
    Full,
    /// The network, or the prefix around it, has its share of them.
    NetworkQuota,
    /// The wait would be longer than allowed.
    TooLong,
}

/// What waits, for a number of workers.
#[derive(Debug)]
pub struct Queue<T> {
    workers: usize,
    max_wait: Duration,
    lanes: [Turns<T>; 2],
    /// Turns of the known lane since the strangers' last one.
    in_a_row: usize,
    busy: usize,
    average: Duration,
    next_ticket: u64,
}

impl<T> Queue<T> {
    /// An empty queue for `workers` threads, of which each is assumed to need `guess` for a hash
    /// until it has been measured.
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

    /// Reserves a place, or says why there is none and how long the wait would be.
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

    /// How many places a lane may still take.
    fn free(&self, lane: Lane) -> usize {
        let [known, strangers] = [&self.lanes[0], &self.lanes[1]].map(Turns::places);
        let free = PLACES.saturating_sub(known + strangers);
        match lane {
            Lane::Known => free,
            Lane::Stranger => free.min(STRANGERS.saturating_sub(strangers)),
        }
    }

    /// Gives a reserved place up.
    pub fn release(&mut self, lane: Lane, who: Requester) {
        self.lanes[lane as usize].release(&who.path());
    }

    /// Takes a reserved place; the ticket to leave it with.
    pub fn push(&mut self, lane: Lane, who: Requester, job: T) -> u64 {
        self.next_ticket += 1;
        self.lanes[lane as usize].push(&who.path(), self.next_ticket, job);
        self.next_ticket
    }

    /// Leaves the queue; nothing when its turn has come.
    pub fn leave(&mut self, lane: Lane, who: Requester, ticket: u64) -> Option<T> {
        self.lanes[lane as usize].leave(&who.path(), ticket)
    }

    /// Whose turn it is. The worker that asks is busy until it says [`Queue::done`].
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

    /// A worker is free again; `took` is how long it has hashed, if it has.
    pub fn done(&mut self, took: Option<Duration>) {
        self.busy = self.busy.saturating_sub(1);
        if let Some(took) = took {
            let took = took.min(self.average * OUTLIER).max(Duration::from_micros(1));
            self.average = (self.average * 7 + took) / 8;
        }
    }

    /// How many wait; places that are only reserved are not counted.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(Turns::waiting).sum()
    }

    /// How long a request that comes now would wait, by what hashes have taken lately.
    pub fn wait(&self, lane: Lane, who: Requester) -> Duration {
        let before = self.before(lane, who) + self.busy;
        // While a worker is free nothing waits.
        let turns = (before + 1).saturating_sub(self.workers);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        self.average.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX)) / workers
    }

    /// How many are served before the next one of this requester in this lane.
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
