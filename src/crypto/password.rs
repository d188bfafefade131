//! Password hashes: argon2id (RFC 9106) on threads of its own.
//!
//! Owns the threads, their memory, their queue and the stored form (a PHC string). Hashing is the
//! only expensive thing Signet does, so it may never make anything else wait: a fixed number of
//! threads at lower priority, memory allocated once, a queue with a deadline. Whether an account
//! is accepted is `domain::password`'s decision.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::oneshot;

use crate::base::Entropy;
use crate::base::entropy::random;
use crate::domain::password::{Check, Password};
use crate::domain::stop::Fault;

use super::digest::equal;

const SALT: usize = 16;
const OUTPUT: usize = 32;
/// How many may wait at all; beyond it a caller is turned away at once.
const QUEUE: usize = 1024;
/// How much nicer than the HTTP threads the hash threads are.
const NICE: i32 = 10;
/// The costliest stored hash that is verified at all: an imported one beyond it never matches.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 64;

/// What hashing costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password is the one that was stored.
    pub check: Check,
    /// Whether the stored hash was made with another cost than today's.
    pub outdated: bool,
}

enum Work {
    Hash { password: Password, salt: [u8; SALT], reply: oneshot::Sender<Outcome<String>> },
    Verify { password: Password, stored: Option<String>, reply: oneshot::Sender<Outcome<Verified>> },
}

enum Outcome<T> {
    Done(T),
    Late,
    Failed(&'static str),
}

struct Waiting {
    work: Work,
    since: Instant,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    /// Held while a hash costlier than today's is verified: one at a time.
    oversize: Mutex<()>,
    cost: Cost,
    max_wait: Duration,
    /// What an unknown user's password is compared with: today's cost, an output nobody can hit.
    dummy: String,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    closed: bool,
}

/// The hash threads.
pub struct PasswordHasher {
    shared: Arc<Shared>,
    entropy: Arc<dyn Entropy>,
}

impl PasswordHasher {
    /// Starts `workers` threads. Each takes its memory when it first hashes and keeps it.
    ///
    /// # Errors
    /// When the cost is not one argon2 accepts, or no thread can be started.
    pub fn start(
        cost: Cost,
        workers: usize,
        max_wait: Duration,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        params(cost).ok_or_else(|| Fault::internal("argon2 does not accept this cost"))?;
        let dummy = phc(cost, &random::<SALT>(&*entropy), &random::<OUTPUT>(&*entropy));
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            oversize: Mutex::new(()),
            cost,
            max_wait,
            dummy,
        });
        for number in 0..workers.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&shared))
                .map_err(|error| Fault::internal("starting a hash thread").because(error))?;
        }
        Ok(Self { shared, entropy })
    }

    /// The PHC string to store for `password`.
    ///
    /// # Errors
    /// Unavailable when the queue is full or the wait too long.
    pub async fn hash(&self, password: Password) -> Result<String, Fault> {
        let (reply, answer) = oneshot::channel();
        self.submit(Work::Hash { password, salt: random(&*self.entropy), reply })?;
        finish(answer).await
    }

    /// Compares `password` with a stored PHC string, or with the dummy when there is none:
    /// an unknown user costs what a known one does.
    ///
    /// # Errors
    /// Unavailable when the queue is full or the wait too long.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verified, Fault> {
        let (reply, answer) = oneshot::channel();
        self.submit(Work::Verify { password, stored, reply })?;
        finish(answer).await
    }

    /// How many wait.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        lock(&self.shared.queue).waiting.len()
    }

    fn submit(&self, work: Work) -> Result<(), Fault> {
        let mut queue = lock(&self.shared.queue);
        if queue.waiting.len() >= QUEUE {
            return Err(Fault::unavailable("the password-hash queue is full"));
        }
        queue.waiting.push_back(Waiting { work, since: Instant::now() });
        drop(queue);
        self.shared.ready.notify_one();
        Ok(())
    }
}

impl Drop for PasswordHasher {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.ready.notify_all();
    }
}

async fn finish<T>(answer: oneshot::Receiver<Outcome<T>>) -> Result<T, Fault> {
    match answer.await {
        Ok(Outcome::Done(value)) => Ok(value),
        Ok(Outcome::Late) => Err(Fault::unavailable("waited too long for a password hash")),
        Ok(Outcome::Failed(why)) => Err(Fault::internal(why)),
        Err(_) => Err(Fault::internal("a hash thread ended")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while holding it cannot leave a queue half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(shared: &Shared) {
    // On Linux the id of a thread is accepted where a process id is, and means that thread only.
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "hash thread keeps the normal priority");
    }
    let mut memory: Vec<Block> = Vec::new();
    loop {
        let mut queue = lock(&shared.queue);
        let waiting = loop {
            if let Some(waiting) = queue.waiting.pop_front() {
                break waiting;
            }
            if queue.closed {
                return;
            }
            queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        };
        drop(queue);
        let late = waiting.since.elapsed() > shared.max_wait;
        // A caller that has gone away is no reason to fail.
        match waiting.work {
            Work::Hash { password, salt, reply } => {
                let _ = reply.send(if late {
                    Outcome::Late
                } else {
                    hash(shared, &mut memory, &password, &salt)
                });
            }
            Work::Verify { password, stored, reply } => {
                let outcome = if late {
                    Outcome::Late
                } else {
                    let stored = stored.as_deref().unwrap_or(&shared.dummy);
                    verify(shared, &mut memory, &password, stored)
                };
                let _ = reply.send(outcome);
            }
        }
    }
}

fn hash(
    shared: &Shared,
    memory: &mut Vec<Block>,
    password: &Password,
    salt: &[u8],
) -> Outcome<String> {
    let mut output = [0; OUTPUT];
    match compute(shared, memory, shared.cost, password, salt, &mut output) {
        Some(()) => Outcome::Done(phc(shared.cost, salt, &output)),
        None => Outcome::Failed("argon2 failed"),
    }
}

fn verify(
    shared: &Shared,
    memory: &mut Vec<Block>,
    password: &Password,
    stored: &str,
) -> Outcome<Verified> {
    let differs = Outcome::Done(Verified { check: Check::Differs, outdated: false });
    let Some((cost, salt, expected)) = parse(stored) else {
        tracing::error!("a stored password hash cannot be read; it matches nothing");
        return differs;
    };
    if cost.memory_kib > MAX_MEMORY_KIB
        || cost.iterations > MAX_ITERATIONS
        || cost.parallelism > MAX_PARALLELISM
    {
        tracing::error!("a stored password hash costs too much to verify; it matches nothing");
        return differs;
    }
    let mut output = vec![0; expected.len()];
    if compute(shared, memory, cost, password, &salt, &mut output).is_none() {
        return Outcome::Failed("argon2 failed");
    }
    let check = if equal(&output, &expected) { Check::Matches } else { Check::Differs };
    let outdated = cost != shared.cost || expected.len() != OUTPUT;
    Outcome::Done(Verified { check, outdated })
}

fn compute(
    shared: &Shared,
    memory: &mut Vec<Block>,
    cost: Cost,
    password: &Password,
    salt: &[u8],
    output: &mut [u8],
) -> Option<()> {
    let params =
        Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output.len())).ok()?;
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    if cost.memory_kib > shared.cost.memory_kib {
        // One at a time, and its memory goes back: the budget counts today's cost only.
        let _alone = lock(&shared.oversize);
        let mut own = vec![Block::default(); blocks];
        return argon2
            .hash_password_into_with_memory(password.expose_bytes(), salt, output, &mut own)
            .ok();
    }
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    argon2
        .hash_password_into_with_memory(
            password.expose_bytes(),
            salt,
            output,
            &mut memory[..blocks],
        )
        .ok()
}

fn params(cost: Cost) -> Option<Params> {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(OUTPUT)).ok()
}

fn phc(cost: Cost, salt: &[u8], output: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.iterations,
        cost.parallelism,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )
}

fn parse(stored: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let hash = PasswordHash::new(stored).ok()?;
    if hash.algorithm.as_str() != "argon2id" || hash.version != Some(19) {
        return None;
    }
    let params = Params::try_from(&hash).ok()?;
    let cost = Cost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    };
    Some((cost, hash.salt?.to_vec(), hash.hash?.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn hasher(memory_kib: u32, max_wait: Duration) -> PasswordHasher {
        let cost = Cost { memory_kib, iterations: 1, parallelism: 1 };
        PasswordHasher::start(cost, 1, max_wait, Arc::new(Counting(1.into()))).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::for_verification(text).unwrap()
    }

    #[tokio::test]
    async fn verifies_what_it_hashed_and_nothing_else() {
        let hasher = hasher(64, Duration::from_secs(5));
        let stored = hasher.hash(password("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let right = hasher.verify(password("correct horse"), Some(stored.clone())).await.unwrap();
        assert_eq!(right, Verified { check: Check::Matches, outdated: false });
        let wrong = hasher.verify(password("correct horsf"), Some(stored)).await.unwrap();
        assert_eq!(wrong.check, Check::Differs);
        let unknown = hasher.verify(password("correct horse"), None).await.unwrap();
        assert_eq!(unknown, Verified { check: Check::Differs, outdated: false });
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_matches_and_is_outdated() {
        let old = hasher(32, Duration::from_secs(5));
        let dear = hasher(256, Duration::from_secs(5));
        let new = hasher(64, Duration::from_secs(5));
        for other in [&old, &dear] {
            let stored = other.hash(password("correct horse")).await.unwrap();
            let found = new.verify(password("correct horse"), Some(stored)).await.unwrap();
            assert_eq!(found, Verified { check: Check::Matches, outdated: true });
        }
    }

    #[tokio::test]
    async fn absurd_and_unreadable_hashes_match_nothing() {
        let hasher = hasher(64, Duration::from_secs(5));
        for stored in [
            "$argon2id$v=19$m=4194304,t=3,p=4$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA",
            "plain text",
            "",
        ] {
            let found = hasher.verify(password("x"), Some(stored.to_owned())).await.unwrap();
            assert_eq!(found.check, Check::Differs, "{stored}");
        }
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_turned_away() {
        let hasher = hasher(64 * 1024, Duration::ZERO);
        let mut late = 0;
        let many = (0..8).map(|_| hasher.verify(password("x"), None));
        for outcome in futures_util::future::join_all(many).await {
            late += usize::from(outcome.is_err());
        }
        assert!(late >= 6, "{late} of 8 were late");
    }

    /// The vector of RFC 9106 §5.3 needs a secret and associated data, which we do not use; this
    /// one is the reference implementation's, with the parameters in the string.
    #[tokio::test]
    async fn a_hash_made_by_the_reference_implementation_matches() {
        let hasher = hasher(64, Duration::from_secs(5));
        let stored =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let found = hasher.verify(password("password"), Some(stored.to_owned())).await.unwrap();
        assert_eq!(found.check, Check::Matches);
    }
}
