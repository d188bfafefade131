//! Password hashes: argon2id (RFC 9106) on dedicated threads.
//!
//! Owns the threads and their queue. Hashing is the only expensive operation, and must not delay any other: a
//! fixed number of threads with lower priority, memory allocated once, and admission control. `domain::password`
//! decides whether a password is accepted.

mod argon;
mod decoys;
mod queue;
mod turns;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::base::Entropy;
use crate::base::entropy::random;
use crate::domain::outcome::Fault;
use crate::domain::password::{ARGON2ID, Check, Password};
use crate::metrics::ClosedHistograms;

use argon::{Engine, Oversize, SALT};
use queue::Queue;

pub use decoys::Decoys;
pub use queue::{Lane, Refused, Requester};
#[cfg(feature = "test-support")]
pub use queue::{PLACES, SHARE, STRANGERS};

/// The nice value of the hash threads relative to the HTTP threads.
const NICE: i32 = 10;
/// The assumed time of a hash per KiB and pass, until hashes have been measured.
const GUESS: Duration = Duration::from_nanos(500);
/// The minimum patience of an admitted request: a free thread needs a moment to wake.
const LEAST_PATIENCE: Duration = Duration::from_millis(250);

/// The cost of a password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password matches.
    pub check: Check,
    /// Whether the stored hash has another cost than the current one.
    pub outdated: bool,
}

/// Why a request was not admitted, and how long the wait would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded {
    /// The reason.
    pub why: Refused,
    /// The estimate from recent hashes.
    pub wait: Duration,
}

/// Why no password was hashed for an admitted request.
#[derive(Debug)]
pub enum HashError {
    /// Its turn did not come in time, because hashes have become slower or others went first.
    Late,
    /// It failed.
    Failed(Fault),
}

enum Work {
    Hash { password: Password, salt: [u8; SALT], reply: oneshot::Sender<Option<String>> },
    Verify { password: Password, stored: String, reply: oneshot::Sender<Option<Verified>> },
}

struct Waiting {
    work: Work,
    until: Instant,
}

struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    oversize: Oversize,
    cost: Cost,
    patience: Duration,
    durations: ClosedHistograms,
    /// The costs of verified hashes.
    #[cfg(feature = "test-support")]
    verified: Mutex<Vec<Cost>>,
}

struct State {
    queue: Queue<Waiting>,
    closed: bool,
    /// How many hashes may still begin while a test blocks the threads.
    #[cfg(feature = "test-support")]
    let_through: Option<usize>,
}

impl State {
    fn new(queue: Queue<Waiting>) -> Self {
        Self {
            queue,
            closed: false,
            #[cfg(feature = "test-support")]
            let_through: None,
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        #[cfg(feature = "test-support")]
        if let Some(left) = &mut self.let_through {
            *left = left.checked_sub(1)?;
            let popped = self.queue.pop();
            if popped.is_none() {
                *left += 1;
            }
            return popped;
        }
        self.queue.pop()
    }
}

/// The hash threads.
pub struct PasswordHasher {
    shared: Arc<Shared>,
    entropy: Arc<dyn Entropy>,
    workers: usize,
}

impl PasswordHasher {
    /// Starts `workers` threads. Each allocates its memory at its first hash and keeps it.
    ///
    /// # Errors
    /// When the cost is not one argon2 accepts, or no thread can be started.
    pub fn start(
        cost: Cost,
        workers: usize,
        max_wait: Duration,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        argon::params_of(cost)
            .ok_or_else(|| Fault::internal("argon2 does not accept this cost"))?;
        let workers = workers.max(1);
        let guess = GUESS.saturating_mul(cost.memory_kib.saturating_mul(cost.iterations));
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(Queue::new(workers, max_wait, guess))),
            ready: Condvar::new(),
            oversize: Oversize::default(),
            cost,
            patience: max_wait.max(LEAST_PATIENCE),
            durations: ClosedHistograms::of_durations(
                ("class", vec![ARGON2ID]),
                Duration::from_millis(1),
                13,
            ),
            #[cfg(feature = "test-support")]
            verified: Mutex::default(),
        });
        for number in 0..workers {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&shared))
                .map_err(|error| Fault::internal("starting a hash thread").with_source(error))?;
        }
        Ok(Self { shared, entropy, workers })
    }

    /// Reserves a slot in the queue, before any other work is done for the request. An unused slot takes no turn,
    /// but is part of the estimates of others.
    ///
    /// # Errors
    /// At once, when the wait would be too long.
    pub fn reserve(&self, lane: Lane, who: Requester) -> Result<Slot, Overloaded> {
        let reserved = self.shared.lock().queue.reserve(lane, who);
        reserved.map_err(|(why, wait)| Overloaded { why, wait })?;
        Ok(Slot { shared: Arc::clone(&self.shared), lane, who, ticket: None })
    }

    /// The PHC string to store for `password`. A caller that has disconnected is not served.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash(&self, place: Slot, password: Password) -> Result<String, HashError> {
        let (reply, answer) = oneshot::channel();
        let salt = random(&*self.entropy);
        place.wait(Work::Hash { password, salt, reply }, answer).await
    }

    /// Compares `password` with a PHC string, which is a stored one or a decoy. A caller that has disconnected is
    /// not served.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn verify(
        &self,
        place: Slot,
        password: Password,
        stored: String,
    ) -> Result<Verified, HashError> {
        let (reply, answer) = oneshot::channel();
        place.wait(Work::Verify { password, stored, reply }, answer).await
    }

    /// The number of waiting requests.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.shared.lock().queue.waiting()
    }

    /// Blocks the threads after this many further hashes, or releases them.
    #[cfg(feature = "test-support")]
    pub fn hold(&self, let_through: Option<usize>) {
        self.shared.lock().let_through = let_through;
        self.shared.ready.notify_all();
    }

    /// The costs at which passwords were verified since the last call, in order.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn take_verified(&self) -> Vec<Cost> {
        let mut verified = self.shared.verified.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *verified)
    }

    /// The cost of new hashes.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.shared.cost
    }

    /// How long each hash took, by class.
    #[must_use]
    pub fn durations(&self) -> &ClosedHistograms {
        &self.shared.durations
    }

    /// The number of concurrent hashes.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }
}

impl Drop for PasswordHasher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
    }
}

/// A slot in the queue; released on drop.
pub struct Slot {
    shared: Arc<Shared>,
    lane: Lane,
    who: Requester,
    /// Set while the request waits.
    ticket: Option<u64>,
}

impl Slot {
    async fn wait<T>(
        mut self,
        work: Work,
        mut answer: oneshot::Receiver<Option<T>>,
    ) -> Result<T, HashError> {
        let until = Instant::now() + self.shared.patience;
        let waiting = Waiting { work, until };
        let ticket = self.shared.lock().queue.push(self.lane, self.who, waiting);
        self.ticket = Some(ticket);
        self.shared.ready.notify_one();
        let answered = match timeout_at(until, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if self.leave(ticket) => return Err(HashError::Late),
            // It is being hashed, which will not take long.
            Err(_) => answer.await,
        };
        match answered {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(HashError::Failed(Fault::internal("argon2 failed"))),
            // Too late by the clock of the hash thread.
            Err(_) if Instant::now() >= until => Err(HashError::Late),
            Err(_) => Err(HashError::Failed(Fault::internal("a hash thread ended"))),
        }
    }

    /// Leaves the queue; false if its turn has already come.
    fn leave(&self, ticket: u64) -> bool {
        // Dropped outside the lock: a password is wiped, a channel wakes a task.
        let left = self.shared.lock().queue.leave(self.lane, self.who, ticket);
        left.is_some()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match self.ticket {
            Some(ticket) => drop(self.leave(ticket)),
            None => self.shared.lock().queue.release(self.lane, self.who),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is locked cannot leave the queue inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "test-support")]
    fn note_verified(&self, stored: &str) {
        let cost = argon::cost_in(stored).unwrap_or(self.cost);
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).push(cost);
    }

    /// The next work; `None` after the shutdown.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            if let Some(waiting) = state.pop() {
                return Some(waiting);
            }
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Waiting {
    /// Whether no caller waits for it any more.
    fn is_over(&self) -> bool {
        let is_closed = match &self.work {
            Work::Hash { reply, .. } => reply.is_closed(),
            Work::Verify { reply, .. } => reply.is_closed(),
        };
        is_closed || Instant::now() >= self.until
    }
}

fn work(shared: &Shared) {
    // On Linux a thread id is accepted as a process id and affects only that thread.
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "hash thread keeps the normal priority");
    }
    let mut engine = Engine::new(shared.cost, &shared.oversize);
    while let Some(waiting) = shared.next() {
        if waiting.is_over() {
            shared.lock().queue.done(None);
            continue;
        }
        let began = Instant::now();
        // Answered only after this thread is free again, so that a caller that returns at once does not find all
        // threads busy.
        let done = || {
            let took = began.elapsed();
            shared.durations.observe(0, took);
            shared.lock().queue.done(Some(took));
        };
        match waiting.work {
            Work::Hash { password, salt, reply } => {
                let hashed = engine.hash(&password, &salt);
                done();
                let _ = reply.send(hashed);
            }
            Work::Verify { password, stored, reply } => {
                #[cfg(feature = "test-support")]
                shared.note_verified(&stored);
                let verified = engine.verify(&password, &stored);
                done();
                let _ = reply.send(verified);
            }
        }
    }
}

#[cfg(test)]
mod tests;
