//! Lockout against password guessing: an attempt is counted before the password is compared.
//!
//! There are three limits: per network (memory of this process), per account and network, and per account for all
//! unknown networks (database). A known network skips the third, so that attackers elsewhere cannot lock the owner
//! out; see docs/threat-model.md. An attempt reserves at each of them. If reservations of undecided attempts use up
//! a limit, it waits for them for at most the time that a hash may wait.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::app::limits::{PendingAttempt, Subject};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::password::Slot;
use crate::domain::failure_reason::FailureReason;
use crate::domain::network::network;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, KNOWN_NETWORK, RateLimit,
};
use crate::domain::request_info::RequestInfo;
use crate::metrics::Metrics;
use crate::store::Tx;
use crate::store::known_networks;
use crate::store::login_limits::{self, Refused};

use super::account_networks::{SignedInFrom, forgive_names};
use super::attempt_names::AttemptNames;
use super::failed_attempts::{network_throttled, shed, throttled};

/// The minimum time an attempt waits for others, because reserving takes a moment on a busy machine.
const LEAST_PATIENCE: Duration = Duration::from_millis(250);

/// A counted attempt with no result yet.
#[must_use = "an attempt has failed, succeeded or was not made"]
pub struct Counted {
    address: Option<IpAddr>,
    names: AttemptNames,
    is_known: bool,
    is_limited: bool,
    /// How long the account is closed to unknown networks.
    closed_for: Option<TimeSpan>,
    /// Lets attempts that wait for this one continue when it is decided.
    pending: Vec<PendingAttempt>,
}

/// The refusal of an attempt after too many failures.
pub fn too_many(app: &App, wait: TimeSpan, which: &'static str) -> Refusal {
    Metrics::count(&app.metrics.limited, which);
    Refusal::new(Code::TooManyAttempts, "Too many attempts. Wait, then try again.")
        .retry_after(wait)
}

/// Counts one attempt at the account named by `key` (the normalised login name, or the typed text if it is not one).
/// Statements and answers are the same whether the account exists or not. A refusal is recorded in the audit trail.
///
/// An attempt that must wait for others releases its `slots` in the queue for password hashes, so that other
/// attempts can use them. Its caller reserves them again.
///
/// # Errors
/// `too_many_attempts` when failures have used up a limit; unavailable when undecided attempts use it up for longer
/// than a hash may wait; faults.
pub async fn count(
    app: &App,
    key: &str,
    info: &RequestInfo,
    slots: &mut Vec<Slot>,
) -> Result<Counted, Failure> {
    match try_count(app, key, info, slots).await {
        Ok(counted) => Ok(counted),
        Err(NotCounted::Throttled { wait, which, reason }) => {
            throttled(app, Some(key), reason, info).await;
            Err(too_many(app, wait, which).into())
        }
        Err(NotCounted::Undecided) => {
            shed(app, FailureReason::Late, info);
            Err(app.still_undecided().into())
        }
        Err(NotCounted::Failed(fault)) => Err(fault.into()),
    }
}

/// Why an attempt was not counted.
enum NotCounted {
    /// A limit is reached by failures.
    Throttled { wait: TimeSpan, which: &'static str, reason: FailureReason },
    /// A limit is reached by undecided attempts, for longer than a hash may wait.
    Undecided,
    /// The database failed.
    Failed(Fault),
}

impl From<Fault> for NotCounted {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

async fn try_count(
    app: &App,
    key: &str,
    info: &RequestInfo,
    slots: &mut Vec<Slot>,
) -> Result<Counted, NotCounted> {
    let (address, now) = (info.address(), info.now);
    let mut counted = Counted {
        address,
        names: AttemptNames::new(app, key, address),
        is_known: false,
        is_limited: app.config.rate_limits,
        closed_for: None,
        pending: Vec::new(),
    };
    if !counted.is_limited {
        return Ok(counted);
    }
    let mut patience = Patience::begin(app, slots);
    if let Some(address) = address {
        counted.pending.push(reserve_network(app, address, &mut patience).await?);
    }
    reserve_account(app, &mut counted, &mut patience, now).await?;
    Ok(counted)
}

/// Until when an attempt waits for others, and the slots that it releases in the meantime.
struct Patience<'a> {
    until: Instant,
    slots: &'a mut Vec<Slot>,
}

impl<'a> Patience<'a> {
    fn begin(app: &App, slots: &'a mut Vec<Slot>) -> Self {
        let patience = app.config.hash_max_wait.std().max(LEAST_PATIENCE);
        Self { until: Instant::now() + patience, slots }
    }

    async fn wait<T>(&mut self, others: impl Future<Output = T>) -> Result<T, NotCounted> {
        let mut others = pin!(others);
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(others.as_mut().poll(cx))).await {
            return Ok(done);
        }
        self.slots.clear();
        timeout_at(self.until, others).await.map_err(|_| NotCounted::Undecided)
    }
}

/// Reserves one of the failures that this network is allowed.
async fn reserve_network(
    app: &App,
    address: IpAddr,
    patience: &mut Patience<'_>,
) -> Result<PendingAttempt, NotCounted> {
    let name = [b"network/", network(address).to_string().as_bytes()].concat();
    let attempt = app.attempt_gate.enter(&name);
    let turn = patience.wait(attempt.turn()).await?;
    loop {
        let pending = attempt.pending();
        match app.address_limiter.has_more_than(pending, of_network(address)) {
            Ok(true) => break,
            Ok(false) => patience.wait(attempt.one_decided()).await?,
            Err(wait) => {
                let (which, reason) = (RateLimit::Login.as_str(), FailureReason::Address);
                return Err(NotCounted::Throttled { wait, which, reason });
            }
        }
    }
    let reserved = attempt.reserve();
    drop(turn);
    Ok(reserved)
}

/// Reserves at the account: one attempt from this network and, if it is unknown, one from unknown networks.
async fn reserve_account(
    app: &App,
    counted: &mut Counted,
    patience: &mut Patience<'_>,
    now: Timestamp,
) -> Result<(), NotCounted> {
    let names = &counted.names;
    counted.is_known = {
        let mut reader = app.db.reader().await?;
        known_networks::is_known(&mut reader, &names.known, KNOWN_NETWORK, now).await?
    };
    let here = app.attempt_gate.enter(&names.from_network);
    let everywhere = app.attempt_gate.enter(&names.from_strangers);
    let turn = patience.wait(here.turn()).await?;
    let mut turn_everywhere = None;
    loop {
        let others_pending = here.pending();
        let decisions = everywhere.decisions();
        // Reserve before counting: a concurrent attempt would otherwise take the pending attempt for a failure.
        let reserved = (!counted.is_known).then(|| everywhere.reserve());
        let undecided = || everywhere.pending() > 1 || everywhere.decisions() != decisions;
        match count_account(app, names, counted.is_known, &undecided, now).await? {
            Reserved::Counted => {
                counted.pending.extend(reserved);
                break;
            }
            Reserved::Closed(wait) => {
                counted.closed_for = Some(wait);
                break;
            }
            Reserved::Full(_) if others_pending > 0 => {
                drop(reserved);
                patience.wait(here.one_decided()).await?;
            }
            Reserved::Full(wait) => {
                let (which, reason) = ("login_account", FailureReason::AccountFromNetwork);
                return Err(NotCounted::Throttled { wait, which, reason });
            }
            Reserved::Undecided => {
                match (&turn_everywhere, reserved) {
                    (Some(_), Some(own)) => own.withdraw(),
                    (_, reserved) => drop(reserved),
                }
                if turn_everywhere.is_none() {
                    turn_everywhere = Some(patience.wait(everywhere.turn()).await?);
                } else if everywhere.pending() > 0 {
                    patience.wait(everywhere.one_decided()).await?;
                }
            }
        }
    }
    counted.pending.push(here.reserve());
    drop((turn, turn_everywhere));
    Ok(())
}

const fn of_network(address: IpAddr) -> Subject<'static> {
    Subject::new(RateLimit::Login, Some(address))
}

/// The result of a reservation at an account.
enum Reserved {
    /// It was counted.
    Counted,
    /// It was counted for its network; failures have closed the account to unknown networks.
    Closed(TimeSpan),
    /// The limit of its network is reached for this time.
    Full(TimeSpan),
    /// The limit of unknown networks is reached, but undecided attempts may return theirs.
    Undecided,
}

/// Counts an attempt once. While the account is closed to unknown networks, attempts from known and from
/// unknown networks run the same statements.
async fn count_account(
    app: &App,
    names: &AttemptNames,
    known: bool,
    undecided: &(dyn Fn() -> bool + Sync),
    now: Timestamp,
) -> Result<Reserved, Fault> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let here = ACCOUNT_FROM_NETWORK;
        let counter = names.counter(&names.from_network);
        let counted = login_limits::count_try_of(&mut tx, counter, here, now).await?;
        if let Err(Refused { wait }) = counted {
            return Ok(Reserved::Full(wait));
        }
        let everywhere = ACCOUNT_FROM_STRANGERS;
        let mut closed =
            login_limits::used_up(&mut tx, &names.from_strangers, everywhere, now).await?;
        if closed.is_none() && !known {
            let counter = names.counter(&names.from_strangers);
            let tried = login_limits::count_try_of(&mut tx, counter, everywhere, now).await?;
            closed = tried.err();
        }
        Ok(match closed {
            None => Reserved::Counted,
            Some(_) if !known && undecided() => Reserved::Undecided,
            Some(Refused { wait }) => Reserved::Closed(wait),
        })
    }
    .await;
    match outcome {
        Ok(Reserved::Counted | Reserved::Closed(_)) => tx.commit().await?,
        // Nothing is written over the limit, so that a flood of refused attempts costs no disk space.
        _ => tx.rollback().await,
    }
    outcome
}

impl Counted {
    /// Whether the password may be compared: not from an unknown network while the account is closed to those. It
    /// is hashed nevertheless.
    #[must_use]
    pub const fn may_be_right(&self) -> bool {
        self.is_known || self.closed_for.is_none()
    }

    /// How long a wrong password is answered with too many attempts. The same for known and unknown networks,
    /// so that the response does not distinguish them.
    #[must_use]
    pub const fn closed_for(&self) -> Option<TimeSpan> {
        self.closed_for
    }

    /// Counts a wrong password, or a caller that disconnected before the password was compared.
    pub fn failed(self, app: &App) {
        if let (true, Some(address)) = (self.is_limited, self.address) {
            // The attempt was reserved, so the bucket has a token.
            let _ = app.address_limiter.take(of_network(address));
            app.standing.count(address);
        }
    }

    /// Returns an attempt whose password was not compared.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_back(self, app: &App) -> Result<(), Fault> {
        if !self.is_limited {
            return Ok(());
        }
        let mut tx = app.db.begin().await?;
        login_limits::give_back(&mut tx, &self.names.from_network).await?;
        if self.counts_everywhere() {
            login_limits::give_back(&mut tx, &self.names.from_strangers).await?;
        }
        tx.commit().await
    }

    /// Returns an attempt with the right password, in the transaction that records the outcome, and records the
    /// network. Returns whether the network is new to the account.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forgive(&self, app: &App, tx: &mut Tx, now: Timestamp) -> Result<bool, Fault> {
        if !self.is_limited {
            return Ok(false);
        }
        let signed_in = SignedInFrom { names: &self.names, address: self.address, now };
        let noted = forgive_names(app, tx, signed_in).await?;
        if self.counts_everywhere() {
            login_limits::give_back(tx, &self.names.from_strangers).await?;
        }
        Ok(noted && !self.is_known)
    }

    /// Whether it counts against the limit of unknown networks.
    #[must_use]
    pub const fn counts_everywhere(&self) -> bool {
        !self.is_known && self.closed_for.is_none()
    }
}

/// Refuses while the limit of this network is reached. Counts nothing.
///
/// # Errors
/// `too_many_attempts`.
pub fn check_network(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    let Some(address) = info.address().filter(|_| app.config.rate_limits) else { return Ok(()) };
    match app.address_limiter.has_more_than(0, of_network(address)) {
        Ok(_) => Ok(()),
        Err(wait) => {
            app.count_login("throttled");
            network_throttled(app, info);
            Err(too_many(app, wait, RateLimit::Login.as_str()))
        }
    }
}
