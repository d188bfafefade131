//! Admission of client connections, counted by network, and eviction.
//!
//! All connections are bounded by the limit of open files minus a reserve, and those of one network by half of
//! that. Loopback and trusted proxies carry many clients and only have the first bound. At a bound, the longest
//! idle connection is closed: of the network, or of the prefix with the most connections. If none is idle, a prefix
//! with a large share makes room for one with a small share; otherwise the new connection is refused. The last few
//! slots are for the operator: only connections from the machine itself may take them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Instant;

use futures_util::task::AtomicWaker;
use ipnet::IpNet;

use crate::app::App;
use crate::domain::network::{network, prefix};
use crate::metrics::Metrics;
use crate::text_enum;

use super::descriptors::MAX_CLOSING;
use super::idle_order::{Groups, Idle};

/// After this time, in microseconds, a connection is treated as idle even if its client waits for a response.
/// Longer than any request takes.
const BUSY_TIMEOUT: u64 = 60_000_000;
/// How many prefixes are searched for an idle connection, those that hold most first.
const MAX_PREFIXES: usize = 4;
/// A prefix with at least this share of all connections (one in `LARGE_SHARE`) loses one even if none is idle, so
/// that slow requests cannot hold slots forever.
const LARGE_SHARE: usize = 16;
/// The most slots that only the machine itself may take, but at most one in `LARGE_SHARE`.
const MAX_OWN_PLACES: usize = 8;
/// The shortest time between two warnings of evicted or refused connections, in microseconds.
const WARN_EVERY: u64 = 60_000_000;

text_enum! {
    /// The result of a new connection without a free slot. The texts are labels of a metric.
    pub(super) enum Pressure {
        /// The longest idle connection of its network is closed.
        IdleOfNetwork = "idle_of_network",
        /// The longest idle connection of another prefix is closed.
        Idle = "idle",
        /// A connection of the prefix with the most connections is closed, although its client waits for a response.
        Largest = "largest",
        /// The new connection is refused.
        Refused = "refused",
    }
}

/// The connections of this process.
pub(super) struct Connections {
    app: App,
    began: Instant,
    /// The maximum number of connections.
    budget: usize,
    /// Whether they are part of the gauge.
    is_measured: bool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
    networks: Groups,
    prefixes: Groups,
    exempt: Groups,
    closing: usize,
    warned: Option<u64>,
}

struct Open {
    connection: Arc<Connection>,
    place: Place,
}

/// The network and prefix of a connection.
#[derive(Debug, Clone, Copy)]
enum Place {
    Exempt(IpAddr),
    Network { network: IpAddr, prefix: IpAddr },
}

/// The state of one connection. The task that serves it writes; others read.
#[derive(Default)]
struct Connection {
    /// When bytes were last read or written, in microseconds. The lowest bit is set while the client waits for a
    /// response: bytes were read after the last write.
    activity: AtomicU64,
    closes: AtomicBool,
    task: AtomicWaker,
}

impl Connection {
    /// When bytes were last read or written.
    fn since(&self) -> u64 {
        self.activity.load(Ordering::Relaxed) >> 1
    }

    fn idle(&self, now: u64) -> Idle {
        let activity = self.activity.load(Ordering::Relaxed);
        let (since, is_owed) = (activity >> 1, activity & 1 == 1);
        if is_owed && now.saturating_sub(since) < BUSY_TIMEOUT {
            Idle::Busy
        } else {
            Idle::Since(since)
        }
    }
}

/// An admitted connection; counted until it is dropped.
pub(super) struct Seat {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    id: u64,
}

impl Connections {
    /// An empty table for at most `budget` connections.
    pub(super) fn new(app: App, budget: usize) -> Arc<Self> {
        let (began, table) = (Instant::now(), Mutex::default());
        Arc::new(Self { app, began, budget, is_measured: true, table })
    }

    /// The same for the metrics listener, whose connections the gauge of clients excludes.
    pub(super) fn of_metrics(app: App, budget: usize) -> Arc<Self> {
        let (began, table) = (Instant::now(), Mutex::default());
        Arc::new(Self { app, began, budget, is_measured: false, table })
    }

    fn measure(&self, table: &Table) {
        if self.is_measured {
            self.app.metrics.connections.set(as_gauge(table.open.len()));
        }
    }

    /// Admits a new connection. `None` if there is no room and none can be made.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Seat> {
        let place = place(peer.ip(), &self.app.config.trusted_proxies);
        let now = self.now();
        let mut table = self.table();
        if let Err(why) = table.make_room(place, self.budget, now) {
            self.note(&mut table, why, peer.ip(), now);
            if why == Pressure::Refused {
                return None;
            }
        }
        let connection = Arc::new(Connection::default());
        connection.activity.store(now << 1, Ordering::Relaxed);
        let id = table.insert(Arc::clone(&connection), place, now);
        self.measure(&table);
        Some(Seat { connections: Arc::clone(self), connection, id })
    }

    /// Counts and, once a minute, logs that a bound was reached.
    fn note(&self, table: &mut Table, why: Pressure, address: IpAddr, now: u64) {
        Metrics::count(&self.app.metrics.connections_closed, why.as_str());
        if table.warned.is_none_or(|warned| now - warned >= WARN_EVERY) {
            table.warned = Some(now);
            tracing::warn!(
                open = table.open.len(),
                budget = self.budget,
                %address,
                why = why.as_str(),
                "connections are closed or refused because of the limit"
            );
        }
    }

    /// Microseconds since the server began.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX >> 1)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network and prefix of a connection from this address.
fn place(address: IpAddr, trusted: &[IpNet]) -> Place {
    let address = address.to_canonical();
    if address.is_loopback() || trusted.iter().any(|proxy| proxy.contains(&address)) {
        return Place::Exempt(address);
    }
    Place::Network { network: network(address), prefix: prefix(address) }
}

impl Table {
    /// Makes room for one more connection.
    ///
    /// # Errors
    /// Why another connection is closed for it, or that it is refused.
    fn make_room(&mut self, place: Place, budget: usize, now: u64) -> Result<(), Pressure> {
        if let Place::Network { network, .. } = place
            && self.networks.len(network) >= (budget / 2).max(1)
        {
            let longest = self.networks.longest_idle(network, now, &idle_of(&self.open, now));
            return Err(self.close_first(longest, Pressure::IdleOfNetwork));
        }
        let own_places = match place {
            Place::Exempt(address) if address.is_loopback() => 0,
            _ => (budget / LARGE_SHARE).min(MAX_OWN_PLACES),
        };
        // Closing connections are counted until they are dropped.
        if self.open.len() < budget - own_places {
            return Ok(());
        }
        if self.open.len() >= budget + MAX_CLOSING {
            return Err(Pressure::Refused);
        }
        let open = idle_of(&self.open, now);
        let prefixes = self.prefixes.largest(MAX_PREFIXES);
        let longest = prefixes
            .into_iter()
            .find_map(|prefix| self.prefixes.longest_idle(prefix, now, &open))
            .or_else(|| {
                let exempt = self.exempt.largest(MAX_PREFIXES);
                exempt.into_iter().find_map(|of| self.exempt.longest_idle(of, now, &open))
            });
        drop(open);
        match longest {
            Some(_) => Err(self.close_first(longest, Pressure::Idle)),
            None => {
                let longest = self.of_largest(place, budget, now);
                Err(self.close_first(longest, Pressure::Largest))
            }
        }
    }

    /// The least recently active connection of the largest prefix, if that prefix has a large share and that of the
    /// new connection a small one.
    fn of_largest(&mut self, place: Place, budget: usize, now: u64) -> Option<u64> {
        let own = match place {
            Place::Exempt(_) => 0,
            Place::Network { prefix, .. } => self.prefixes.len(prefix),
        };
        let largest = self.prefixes.largest(1).into_iter().next()?;
        let held = self.prefixes.len(largest);
        if held < (budget / LARGE_SHARE).max(2) || held <= 2 * (own + 1) {
            return None;
        }
        let open = &self.open;
        let quiet =
            |id| open.get(&id).map_or(Idle::Busy, |open| Idle::Since(open.connection.since()));
        self.prefixes.longest_idle(largest, now, &quiet)
    }

    fn close_first(&mut self, longest: Option<u64>, why: Pressure) -> Pressure {
        let Some(id) = longest.filter(|_| self.closing < MAX_CLOSING) else {
            return Pressure::Refused;
        };
        let Some(open) = self.open.get(&id) else { return Pressure::Refused };
        let (connection, place) = (Arc::clone(&open.connection), open.place);
        self.uncount(id, place);
        self.closing += 1;
        connection.closes.store(true, Ordering::Release);
        connection.task.wake();
        why
    }

    fn insert(&mut self, connection: Arc<Connection>, place: Place, now: u64) -> u64 {
        let id = self.next;
        self.next += 1;
        match place {
            Place::Exempt(address) => self.exempt.insert(address, id, now),
            Place::Network { network, prefix } => {
                self.networks.insert(network, id, now);
                self.prefixes.insert(prefix, id, now);
            }
        }
        self.open.insert(id, Open { connection, place });
        id
    }

    fn uncount(&mut self, id: u64, place: Place) {
        match place {
            Place::Exempt(address) => self.exempt.remove(address, id),
            Place::Network { network, prefix } => {
                self.networks.remove(network, id);
                self.prefixes.remove(prefix, id);
            }
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        if open.connection.closes.load(Ordering::Acquire) {
            self.closing = self.closing.saturating_sub(1);
        } else {
            self.uncount(id, open.place);
        }
    }
}

fn idle_of(open: &HashMap<u64, Open>, now: u64) -> impl Fn(u64) -> Idle {
    move |id| open.get(&id).map_or(Idle::Busy, |open| open.connection.idle(now))
}

impl Seat {
    /// Records that bytes were read, so the client waits for a response.
    pub(super) fn received(&self) {
        self.connection.activity.store(self.connections.now() << 1 | 1, Ordering::Relaxed);
    }

    /// The time to pass to [`sent`](Self::sent).
    pub(super) fn now(&self) -> u64 {
        self.connections.now()
    }

    /// Records that bytes were written, by a write that began at this time.
    pub(super) fn sent(&self, began: u64) {
        self.connection.activity.store(began << 1, Ordering::Relaxed);
    }

    /// Whether this connection is evicted. The task is woken when it is.
    pub(super) fn must_close(&self, cx: &Context<'_>) -> bool {
        self.connection.task.register(cx.waker());
        self.connection.closes.load(Ordering::Acquire)
    }

    /// Records that the client did not read its response in time.
    pub(super) fn was_not_read(&self) {
        Metrics::count(&self.connections.app.metrics.connections_closed, "unread");
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        table.remove(self.id);
        self.connections.measure(&table);
    }
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
