//! Tests of the hash threads.

use futures_util::FutureExt as _;

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

fn stranger(hasher: &PasswordHasher) -> Slot {
    hasher.reserve(Lane::Stranger, Requester::Unknown).unwrap()
}

/// Longer than a free thread needs to wake on any machine.
const PATIENT: Duration = Duration::from_secs(300);

/// Retries until the thread wakes in time, because the machine may be busy.
async fn served(hasher: &PasswordHasher, slot: Slot) {
    let mut verified = hasher.verify(slot, password("x"), decoy()).await;
    while matches!(verified, Err(HashError::Late)) {
        if let Ok(slot) = hasher.reserve(Lane::Stranger, Requester::Unknown) {
            verified = hasher.verify(slot, password("x"), decoy()).await;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(verified.unwrap().check, Check::Differs);
}

/// A hash that matches no password.
fn decoy() -> String {
    let cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    argon::phc(cost, &[1; SALT], &[2; argon::OUTPUT])
}

fn password(text: &str) -> Password {
    Password::for_verification(text).unwrap()
}

#[tokio::test]
async fn verifies_what_it_hashed_and_nothing_else() {
    let hasher = hasher(64, PATIENT);
    let stored = hasher.hash(stranger(&hasher), password("correct horse")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    let right =
        hasher.verify(stranger(&hasher), password("correct horse"), stored.clone()).await.unwrap();
    assert_eq!(right, Verified { check: Check::Matches, outdated: false });
    let wrong = hasher.verify(stranger(&hasher), password("correct horsf"), stored).await.unwrap();
    assert_eq!(wrong.check, Check::Differs);
    let unknown =
        hasher.verify(stranger(&hasher), password("correct horse"), decoy()).await.unwrap();
    assert_eq!(unknown, Verified { check: Check::Differs, outdated: false });
}

#[tokio::test]
async fn a_hash_of_another_cost_matches_and_is_outdated() {
    let old = hasher(32, PATIENT);
    let dear = hasher(256, PATIENT);
    let new = hasher(64, PATIENT);
    for other in [&old, &dear] {
        let stored = other.hash(stranger(other), password("correct horse")).await.unwrap();
        let found = new.verify(stranger(&new), password("correct horse"), stored).await.unwrap();
        assert_eq!(found, Verified { check: Check::Matches, outdated: true });
    }
}

#[tokio::test]
async fn absurd_and_unreadable_hashes_match_nothing() {
    let hasher = hasher(64, PATIENT);
    for stored in [
        "$argon2id$v=19$m=4194304,t=3,p=4$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA",
        "plain text",
        "",
    ] {
        let found =
            hasher.verify(stranger(&hasher), password("x"), stored.to_owned()).await.unwrap();
        assert_eq!(found.check, Check::Differs, "{stored}");
    }
}

/// A higher cost than that of these tests, so it needs the lock for oversized hashes.
const OVERSIZE: &str =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// Runs `test` while the only thread is blocked, and releases it afterwards.
async fn while_occupied<T>(hasher: &PasswordHasher, test: impl AsyncFnOnce() -> T) -> T {
    let (free, held) = std::sync::mpsc::channel::<()>();
    let shared = Arc::clone(&hasher.shared);
    let (ready, is_ready) = oneshot::channel();
    let holder = std::thread::spawn(move || {
        let _held = shared.oversize.lock().unwrap();
        ready.send(()).unwrap();
        held.recv().unwrap_err();
    });
    is_ready.await.unwrap();
    let first = hasher.verify(stranger(hasher), password("password"), OVERSIZE.to_owned());
    let then = async {
        // It is in the queue, or the thread has it.
        while hasher.queue_depth() > 0 {
            tokio::task::yield_now().await;
        }
        let outcome = test().await;
        drop(free);
        outcome
    };
    let (first, outcome) = futures_util::future::join(first, then).await;
    assert_eq!(first.unwrap().check, Check::Matches);
    holder.join().unwrap();
    outcome
}

#[tokio::test]
async fn a_caller_that_goes_away_is_not_hashed() {
    let hasher = hasher(64, PATIENT);
    while_occupied(&hasher, async || {
        let mut gone = Box::pin(hasher.verify(stranger(&hasher), password("x"), decoy()));
        assert!((&mut gone).now_or_never().is_none());
        assert_eq!(hasher.queue_depth(), 1);
        drop(gone);
        assert_eq!(hasher.queue_depth(), 0);
    })
    .await;
}

/// An admitted request that is not served in time is refused at its deadline, while the thread is still busy.
#[tokio::test]
async fn patience_ends_by_itself() {
    let hasher = hasher(64, Duration::from_secs(2));
    // Admitted by an estimate that turns out to be too optimistic.
    let place = stranger(&hasher);
    while_occupied(&hasher, async || {
        let late = hasher.verify(place, password("x"), decoy()).await;
        assert!(matches!(late, Err(HashError::Late)), "{late:?}");
        assert_eq!(hasher.queue_depth(), 0);
    })
    .await;
    // The next one is served, possibly after a retry.
    served(&hasher, stranger(&hasher)).await;
}

#[tokio::test]
async fn a_request_that_would_wait_is_refused_at_once_where_none_may() {
    let hasher = hasher(64, Duration::ZERO);
    let place = stranger(&hasher);
    let busy = hasher.reserve(Lane::Stranger, Requester::Unknown).err().unwrap();
    assert_eq!(busy.why, Refused::TooLong);
    assert!(busy.wait > Duration::ZERO);
    // The reservation alone refused the other request; once released, it does not.
    drop(place);
    let place = stranger(&hasher);
    served(&hasher, place).await;
    assert!(hasher.reserve(Lane::Stranger, Requester::Unknown).is_ok());
}

/// The vector of RFC 9106 §5.3 needs a secret and associated data, which Signet does not use; this one is the
/// reference implementation's, with the parameters in the string.
#[tokio::test]
async fn a_hash_made_by_the_reference_implementation_matches() {
    let hasher = hasher(64, PATIENT);
    let stored =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let found =
        hasher.verify(stranger(&hasher), password("password"), stored.to_owned()).await.unwrap();
    assert_eq!(found.check, Check::Matches);
}
