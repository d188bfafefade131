//! Limits on fetching client documents, in the memory of this process.
//!
//! Owns the limits: an attacker can make the server send a request to any public host, by sending a browser here with
//! a `client_id`. One fetch of a document at a time, whose result all concurrent callers share; ten fetches at once; a
//! pause for a host after a failure; thirty fetches a minute from one host. Nothing is cached: a failed document is
//! fetched again after the pause.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::TimeSpan;
use crate::domain::client_document::DocumentError;
use crate::domain::outcome::Fault;
use crate::domain::token_bucket::{Bucket, Level};
use crate::http_client::FetchError;

use super::bounded_table::BoundedTable;

/// The maximum number of concurrent fetches.
const AT_ONCE: usize = 10;
/// The limit of fetches from one host.
const OF_A_HOST: Bucket = Bucket::new(30, TimeSpan::from_secs(2));
/// How long a host is not asked after a failure.
pub const HOST_PAUSE: TimeSpan = TimeSpan::from_secs(5);
/// The most hosts that are tracked.
const MAX_HOSTS: usize = 4_096;

/// Why there is no new document. Shared by all callers that waited for the fetch.
#[derive(Debug, Clone)]
pub enum LoadError {
    /// Refused for this time: too many fetches, or a recent failure.
    Busy(TimeSpan),
    /// The host did not respond with a document.
    Fetch(FetchError),
    /// The keys of the client could not be fetched.
    Keys(FetchError),
    /// The document is invalid.
    Content(DocumentError),
    /// The maximum number of documents is stored, and users have authorized all of their clients.
    Full,
    /// The document could not be stored.
    Store(Arc<Fault>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(_) => f.write_str("its host failed recently and is not contacted yet"),
            Self::Fetch(error) => error.fmt(f),
            Self::Keys(error) => write!(f, "jwks_uri: {error}"),
            Self::Content(error) => f.write_str(error.message()),
            Self::Full => f.write_str("there are too many clients that describe themselves"),
            Self::Store(fault) => fault.fmt(f),
        }
    }
}

/// The limits of a host.
#[derive(Debug, Clone, Copy)]
struct Host {
    level: Level,
    /// Until when it is not asked, by the monotonic clock.
    paused_until: TimeSpan,
}

/// A fetch in progress, which any number of callers wait for.
type Flight<T> = Shared<BoxFuture<'static, T>>;

/// The fetches of this process; `T` is the result of one.
pub struct DocumentFetches<T: Clone> {
    places: Arc<Semaphore>,
    hasher: RandomState,
    hosts: Mutex<BoundedTable<Host>>,
    flights: Mutex<HashMap<String, Flight<T>>>,
}

impl<T: Clone> Default for DocumentFetches<T> {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            hasher: RandomState::new(),
            hosts: Mutex::new(BoundedTable::new(MAX_HOSTS)),
            flights: Mutex::default(),
        }
    }
}

impl<T: Clone> DocumentFetches<T> {
    /// The result of the fetch in progress for `client_id`, or of a new one that `begin` returns. `begin` is called
    /// with the lock held, so that there is only one.
    pub async fn join<F>(&self, client_id: &str, begin: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + Sync + 'static,
    {
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            let of_id = flights.entry(client_id.to_owned());
            of_id.or_insert_with(|| begin().boxed().shared()).clone()
        };
        flight.await
    }

    /// Removes a finished fetch: the next caller begins a new one.
    pub fn leave(&self, client_id: &str) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(client_id);
    }

    /// Counts one fetch from `host`.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub fn take(&self, host: &str, now: TimeSpan) -> Result<(), TimeSpan> {
        let key = self.hasher.hash_one(host);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = hosts.peek(key).copied();
        let before = before.unwrap_or(Host { level: OF_A_HOST.full(), paused_until: now });
        if before.paused_until > now {
            return Err(before.paused_until - now);
        }
        let level = OF_A_HOST.take(before.level, now)?;
        let is_spent = |host: &Host| OF_A_HOST.is_full(host.level, now) && host.paused_until <= now;
        hosts.insert(key, Host { level, ..before }, is_spent);
        Ok(())
    }

    /// Pauses fetches from `host` after a failure.
    pub fn pause(&self, host: &str, now: TimeSpan) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(self.hasher.hash_one(host)) {
            host.paused_until = now + HOST_PAUSE;
        }
    }

    /// A permit for a fetch, as soon as one is free.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(secs: i64) -> TimeSpan {
        TimeSpan::from_secs(secs)
    }

    #[test]
    fn a_host_is_asked_thirty_times_a_minute_and_not_at_all_after_a_failure() {
        let fetches = DocumentFetches::<()>::default();
        for _ in 0..30 {
            assert_eq!(fetches.take("a", at(100)), Ok(()));
        }
        assert_eq!(fetches.take("a", at(100)), Err(at(2)));
        assert_eq!(fetches.take("b", at(100)), Ok(()), "each host has its own");
        assert_eq!(fetches.take("a", at(102)), Ok(()));
        fetches.pause("b", at(100));
        assert_eq!(fetches.take("b", at(104)), Err(at(1)));
        assert_eq!(fetches.take("b", at(105)), Ok(()));
    }

    #[tokio::test]
    async fn callers_of_one_moment_share_a_fetch() {
        let fetches = Arc::new(DocumentFetches::<usize>::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let (open, opened) = tokio::sync::oneshot::channel::<()>();
        let opened = Arc::new(tokio::sync::Mutex::new(Some(opened)));
        let join = |id: &'static str| {
            let (fetches, begun, opened) = (fetches.clone(), begun.clone(), opened.clone());
            tokio::spawn(async move {
                let begin = || async move {
                    if let Some(opened) = opened.lock().await.take() {
                        drop(opened.await);
                    }
                    begun.fetch_add(1, Ordering::SeqCst) + 1
                };
                fetches.join(id, begin).await
            })
        };
        let callers: Vec<_> = (0..50).map(|_| join("a")).collect();
        tokio::task::yield_now().await;
        open.send(()).unwrap();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 1);
        }
        assert_eq!(join("b").await.unwrap(), 2, "another document is another fetch");
        fetches.leave("a");
        assert_eq!(join("a").await.unwrap(), 3, "nothing is kept");
    }
}
