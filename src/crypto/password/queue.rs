//! Who waits for a password hash, who is next, and who is told at once that it would take too long.
//!
//! A pure structure: it holds no lock, reads no clock and knows no password. Two lanes, and in each
//! a line for every network, served in turn, so that nobody's flood is anybody else's wait.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// The most places there are, taken or reserved: a bound for memory, not for the wait.
const PLACES: usize = 1024;
/// The most places of one network in one lane.
const SHARE: usize = PLACES / 4;
/// While both lanes wait, every so many-th turn is the strangers'.
const STRANGERS_TURN: usize = 4;
/// What one hash longer than all others (an imported one, a machine that slept) counts at most, in
/// times the average.
const OUTLIER: u32 = 8;

/// Which of the two lanes somebody waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody has logged in from there before, or has proved who they are.
    Known,
    /// Everybody else.
    Stranger,
}

/// The network somebody comes from; none for the command line.
pub type Network = Option<IpAddr>;

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Every place is taken.
    Full,
    /// The network has its share of them.
    NetworkQuota,
    /// The wait would be longer than anybody is to wait.
    TooLong,
}

/// What waits, for a number of workers.
#[derive(Debug)]
pub struct Queue<T> {
    workers: usize,
    max_wait: Duration,
    lanes: [LaneQueue<T>; 2],
    /// Turns of the known lane since the strangers' last one.
    in_a_row: usize,
    busy: usize,
    average: Duration,
    next_ticket: u64,
}

#[derive(Debug)]
struct LaneQueue<T> {
    networks: HashMap<Network, NetworkQueue<T>>,
    /// The networks that wait, in the order of their turns.
    turns: VecDeque<Network>,
    places: usize,
}

/// What one network has.
#[derive(Debug)]
struct NetworkQueue<T> {
    waiting: VecDeque<(u64, T)>,
    /// Places that were reserved and not taken yet.
    reserved: usize,
}

impl<T> Default for LaneQueue<T> {
    fn default() -> Self {
        Self { networks: HashMap::new(), turns: VecDeque::new(), places: 0 }
    }
}

impl<T> NetworkQueue<T> {
    fn places(&self) -> usize {
        self.waiting.len() + self.reserved
    }
}

impl<T> Queue<T> {
    /// An empty queue for `workers` threads, of which each is believed to need `guess` for a hash
    /// until it has been measured.
    pub fn new(workers: usize, max_wait: Duration, guess: Duration) -> Self {
        Self {
            workers: workers.max(1),
            max_wait,
            lanes: [LaneQueue::default(), LaneQueue::default()],
            in_a_row: 0,
            busy: 0,
            average: guess,
            next_ticket: 0,
        }
    }

    /// Promises a place, or says why there is none and how long the wait would be.
    pub fn reserve(&mut self, lane: Lane, network: Network) -> Result<(), (Refused, Duration)> {
        let wait = self.wait(lane, network);
        let own = self.lanes[lane as usize].networks.get(&network).map_or(0, NetworkQueue::places);
        let why = if self.lanes.iter().map(|line| line.places).sum::<usize>() >= PLACES {
            Refused::Full
        } else if own >= SHARE {
            Refused::NetworkQuota
        } else if wait > self.max_wait {
            Refused::TooLong
        } else {
            self.lanes[lane as usize].own(network).reserved += 1;
            self.lanes[lane as usize].places += 1;
            return Ok(());
        };
        Err((why, wait))
    }

    /// Gives a reserved place up.
    pub fn release(&mut self, lane: Lane, network: Network) {
        let line = &mut self.lanes[lane as usize];
        if let Some(own) = line.networks.get_mut(&network)
            && own.reserved > 0
        {
            own.reserved -= 1;
            line.places -= 1;
            line.forget_if_empty(network);
        }
    }

    /// Takes a reserved place; the ticket to leave it with.
    pub fn push(&mut self, lane: Lane, network: Network, job: T) -> u64 {
        self.next_ticket += 1;
        let line = &mut self.lanes[lane as usize];
        let own = line.own(network);
        own.reserved = own.reserved.saturating_sub(1);
        own.waiting.push_back((self.next_ticket, job));
        if own.waiting.len() == 1 {
            line.turns.push_back(network);
        }
        self.next_ticket
    }

    /// Leaves the queue; nothing when its turn has come.
    pub fn leave(&mut self, lane: Lane, network: Network, ticket: u64) -> Option<T> {
        let line = &mut self.lanes[lane as usize];
        let own = line.networks.get_mut(&network)?;
        let at = own.waiting.iter().position(|(known, _)| *known == ticket)?;
        let (_, job) = own.waiting.remove(at)?;
        if own.waiting.is_empty() {
            line.turns.retain(|known| *known != network);
        }
        line.places -= 1;
        line.forget_if_empty(network);
        Some(job)
    }

    /// Whose turn it is. The worker that asks is busy until it says [`Queue::done`].
    pub fn pop(&mut self) -> Option<T> {
        let [known, strangers] = &mut self.lanes;
        let is_strangers_turn = self.in_a_row + 1 >= STRANGERS_TURN;
        let line = if known.turns.is_empty() || (is_strangers_turn && !strangers.turns.is_empty()) {
            self.in_a_row = 0;
            strangers
        } else {
            self.in_a_row = (self.in_a_row + 1).min(STRANGERS_TURN - 1);
            known
        };
        let job = line.pop()?;
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
        let of = |line: &LaneQueue<T>| {
            line.networks.values().map(|own| own.waiting.len()).sum::<usize>()
        };
        self.lanes.iter().map(of).sum()
    }

    /// How long whoever comes now would wait, by what a hash has taken lately.
    pub fn wait(&self, lane: Lane, network: Network) -> Duration {
        let before = self.before(lane, network) + self.busy;
        // With a worker to spare nobody waits.
        let turns = (before + 1).saturating_sub(self.workers);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        self.average.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX)) / workers
    }

    /// How many are served before the next one of this network in this lane.
    fn before(&self, lane: Lane, network: Network) -> usize {
        let (line, other) = match lane {
            Lane::Known => (&self.lanes[0], &self.lanes[1]),
            Lane::Stranger => (&self.lanes[1], &self.lanes[0]),
        };
        let own = line.networks.get(&network).map_or(0, NetworkQueue::places);
        // In turn: of every other network as many as there are of this one, and one more.
        let others = line.networks.iter().filter(|(known, _)| **known != network);
        let beside = others.map(|(_, other)| other.places().min(own + 1)).sum::<usize>() + own;
        let between = match lane {
            Lane::Known => beside / (STRANGERS_TURN - 1) + 1,
            Lane::Stranger => (beside + 1) * (STRANGERS_TURN - 1),
        };
        beside + other.places.min(between)
    }
}

impl<T> LaneQueue<T> {
    fn own(&mut self, network: Network) -> &mut NetworkQueue<T> {
        let empty = || NetworkQueue { waiting: VecDeque::new(), reserved: 0 };
        self.networks.entry(network).or_insert_with(empty)
    }

    fn pop(&mut self) -> Option<T> {
        let network = self.turns.pop_front()?;
        let own = self.networks.get_mut(&network)?;
        let (_, job) = own.waiting.pop_front()?;
        if !own.waiting.is_empty() {
            self.turns.push_back(network);
        }
        self.places -= 1;
        self.forget_if_empty(network);
        Some(job)
    }

    fn forget_if_empty(&mut self, network: Network) {
        if self.networks.get(&network).is_some_and(|own| own.places() == 0) {
            self.networks.remove(&network);
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
