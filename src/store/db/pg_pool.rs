//! The connection pool for PostgreSQL: connections are opened as needed, shared and checked, and fewer if the
//! server allows fewer.
//!
//! sqlx's pool is not used: it makes callers wait for a connection that the server refuses while others are idle, and
//! checks every returned connection with `ROLLBACK` and a ping.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::pg_lease::{Lease, Live};
use super::pg_opening::open;
use crate::base::Deadlines;
use crate::domain::outcome::Fault;

/// How long a connection may be idle without being checked before its next use.
const RESTED: Duration = Duration::from_secs(1);
/// How often an idle connection is checked, so that a firewall sees traffic and a broken connection is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a connection may lie unused before it is closed.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// The maximum age of a connection.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How often idle connections are examined.
const ROUNDS: Duration = Duration::from_secs(10);

/// The connections to one server; cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

pub(super) struct Shared {
    pub(super) options: PgConnectOptions,
    /// The most connections the settings allow.
    pub(super) most: usize,
    pub(super) deadlines: Deadlines,
    /// Connections belong to this runtime, whichever thread requests one.
    pub(super) runtime: Handle,
    state: Mutex<State>,
    /// Notified when the last connection of a closed pool is gone.
    pub(super) emptied: Notify,
}

#[derive(Default)]
pub(super) struct State {
    /// Unused connections, the one used last at the end.
    idle: Vec<Live>,
    pub(super) waiting: VecDeque<oneshot::Sender<Lease>>,
    /// Connections that are idle, lent or being opened.
    pub(super) open: usize,
    /// Those of them being opened.
    pub(super) opening: usize,
    /// Set while the server allows fewer than the settings.
    pub(super) allowed: Option<Allowed>,
    /// Why the last attempt to open one failed, until one succeeds.
    pub(super) failure: Option<Arc<sqlx::Error>>,
    pub(super) closed: bool,
}

/// The number of connections that the server last allowed.
pub(super) struct Allowed {
    pub(super) count: usize,
    /// When to try to open a further connection.
    pub(super) until: Instant,
    /// Its error.
    pub(super) reason: String,
}

impl State {
    /// Connections that are open and not just being opened.
    pub(super) const fn serving(&self) -> usize {
        self.open - self.opening
    }

    /// How many connections may be open now.
    fn limit(&self, most: usize) -> usize {
        match &self.allowed {
            Some(allowed) if Instant::now() < allowed.until => allowed.count,
            // One at a time, because it may be refused again.
            Some(allowed) => most.min(allowed.count.max(self.serving()) + 1),
            None => most,
        }
    }
}

impl Pool {
    /// A pool that starts with `first`. Must be created on the storage runtime.
    pub(super) fn new(
        options: PgConnectOptions,
        most: u32,
        deadlines: Deadlines,
        first: PgConnection,
    ) -> Self {
        let state = State { idle: vec![Live::new(first)], open: 1, ..State::default() };
        let shared = Arc::new(Shared {
            options,
            most: most as usize,
            deadlines,
            runtime: Handle::current(),
            state: Mutex::new(state),
            emptied: Notify::new(),
        });
        shared.runtime.spawn(look_after(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// A connection that is expected to work.
    ///
    /// # Errors
    /// Unavailable, with the cause, when there is none by `deadline`.
    pub(super) async fn acquire(&self, deadline: Instant) -> Result<Lease, Fault> {
        loop {
            let mut lease = match self.0.take()? {
                Next::Idle(lease) => lease,
                Next::Wait(given) => {
                    return match timeout_at(deadline, given).await {
                        Ok(Ok(lease)) => Ok(lease),
                        Ok(Err(_)) | Err(_) => Err(self.0.why_none()),
                    };
                }
            };
            if lease.rested() < RESTED || self.0.answers(&mut lease).await {
                return Ok(lease);
            }
            lease.give_up();
            // This was the most recently used idle connection. If it failed, the others have failed as well (a
            // failover, a firewall), and each would cost its caller the same wait.
            self.0.forget_idle();
        }
    }

    /// The number of open connections and their maximum.
    pub(super) fn connections(&self) -> (usize, usize) {
        let state = self.0.state();
        (state.open, state.limit(self.0.most))
    }

    /// How many connections lie idle, and how many are lent or being opened.
    pub(super) fn lent(&self) -> (usize, usize) {
        let state = self.0.state();
        (state.idle.len(), state.open.saturating_sub(state.idle.len()))
    }

    /// How connections are opened.
    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.0.options
    }

    /// The configured maximum.
    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    /// Stops lending and waits until all connections are closed.
    pub(super) async fn close(&self) {
        let idle = {
            let mut state = self.0.state();
            state.closed = true;
            state.waiting.clear();
            std::mem::take(&mut state.idle)
        };
        for live in idle {
            let _ = live.connection.close().await;
            self.0.gone();
        }
        loop {
            let emptied = self.0.emptied.notified();
            if self.0.state().open == 0 {
                return;
            }
            emptied.await;
        }
    }
}

enum Next {
    Idle(Lease),
    Wait(oneshot::Receiver<Lease>),
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>) -> Result<Next, Fault> {
        let mut state = self.state();
        if state.closed {
            return Err(Fault::unavailable("the database is closed"));
        }
        if let Some(live) = state.idle.pop() {
            return Ok(Next::Idle(Lease::new(self, live)));
        }
        // Removes callers that have gone; the first in the queue has the earliest deadline.
        while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            state.waiting.pop_front();
        }
        let (give, given) = oneshot::channel();
        state.waiting.push_back(give);
        self.open_more(&mut state);
        Ok(Next::Wait(given))
    }

    /// Opens a connection for each waiting caller, as far as allowed.
    fn open_more(self: &Arc<Self>, state: &mut State) {
        while state.waiting.len() > state.opening && state.open < state.limit(self.most) {
            state.open += 1;
            state.opening += 1;
            self.runtime.spawn(open(Arc::clone(self)));
        }
    }

    /// Hands a working connection to the caller that has waited longest, or keeps it.
    pub(super) fn give(self: &Arc<Self>, live: Live) {
        let mut lease = Lease::new(self, live);
        loop {
            let mut state = self.state();
            if state.closed || lease.age() > LIFE {
                drop(state);
                return lease.give_up();
            }
            // The server is reachable, so an earlier failure no longer matters.
            state.failure = None;
            let Some(next) = state.waiting.pop_front() else {
                // With the lock held, because otherwise a caller could begin to wait in between.
                state.idle.extend(lease.into_live());
                return;
            };
            drop(state);
            // If the caller has gone, the next one gets it.
            match next.send(lease) {
                Ok(()) => return,
                Err(back) => lease = back,
            }
        }
    }

    /// Records that a connection is gone, and opens another if a caller waits.
    pub(super) fn gone(self: &Arc<Self>) {
        let mut state = self.state();
        state.open -= 1;
        if state.closed {
            self.emptied.notify_waiters();
        } else {
            self.open_more(&mut state);
        }
    }

    /// Whether a connection that was idle responds to a check in time.
    async fn answers(&self, lease: &mut Lease) -> bool {
        let asked = timeout(self.deadlines.connection_check(), lease.connection().ping()).await;
        let answers = matches!(asked, Ok(Ok(())));
        if answers {
            lease.checked();
        }
        answers
    }

    fn forget_idle(self: &Arc<Self>) {
        let idle = std::mem::take(&mut self.state().idle);
        for live in idle {
            Lease::new(self, live).give_up();
        }
    }

    fn why_none(&self) -> Fault {
        let state = self.state();
        if let Some(failure) = &state.failure {
            let fault = Fault::unavailable("no connection to PostgreSQL can be opened");
            return fault.with_source(Arc::clone(failure));
        }
        let mut why = format!("{} of SIGNET_DATABASE_CONNECTIONS={}", state.serving(), self.most);
        if let Some(allowed) = &state.allowed {
            why.push_str(", PostgreSQL allows no more: ");
            why.push_str(&allowed.reason);
        }
        Fault::unavailable("every database connection is busy").with_source(why)
    }
}

/// Closes connections that have been idle for too long or are too old, and checks the others.
async fn look_after(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(ROUNDS).await;
        let Some(shared) = shared.upgrade() else { return };
        let due: Vec<Live> = {
            let idle = &mut shared.state().idle;
            let is_due = |live: &mut Live| {
                live.unused() > IDLE || live.age() > LIFE || live.rested() > KEEPALIVE
            };
            idle.extract_if(.., is_due).collect()
        };
        for live in due {
            let over = live.unused() > IDLE;
            let mut lease = Lease::new(&shared, live);
            if over || lease.age() > LIFE || !shared.answers(&mut lease).await {
                lease.give_up();
            }
        }
    }
}
