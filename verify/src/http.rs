//! Fetching with reqwest, and the thread that follows the feed. The only module that reads a clock.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable};
use reqwest::header::CACHE_CONTROL;

use crate::fetch::{Fetch, FetchError, FetchFuture, Fetched};
use crate::verifier::Verifier;

/// The timeout of a fetch.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first and the longest pause after a failed poll, in seconds.
const RETRY: u32 = 2;
const MOST_RETRY: u32 = 60;

/// Seconds since the Unix epoch, by the clock of the system.
#[must_use]
pub fn system_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Fetches with reqwest: no redirects, no proxy, a timeout of 5 seconds.
pub struct HttpFetch(reqwest::Client);

impl HttpFetch {
    /// A client with the certificates that the system trusts.
    ///
    /// # Errors
    /// If there are none.
    pub fn new() -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // The thread that follows the feed and the server have separate runtimes; a connection of one of them
            // would stay idle in the other.
            .pool_max_idle_per_host(0)
            .build();
        client.map(Self).map_err(|error| FetchError(error.to_string()))
    }
}

impl Fetch for HttpFetch {
    fn get(&self, url: String, limit: usize) -> FetchFuture {
        let client = self.0.clone();
        Box::pin(async move {
            let failed = |error: reqwest::Error| FetchError(chain(&error));
            let mut response = client.get(&url).send().await.map_err(failed)?;
            if response.status().as_u16() != 200 {
                return Err(FetchError(format!("{url} answers {}", response.status())));
            }
            let caching =
                response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
            let max_age = caching.and_then(max_age);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len() + chunk.len() > limit {
                    return Err(FetchError(format!("{url} is larger than {limit} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Fetched { body, max_age })
        })
    }
}

/// An error with its causes, which reqwest's own text omits.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn max_age(caching: &str) -> Option<u32> {
    caching.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}

/// The thread that follows the feed; dropping this ends it.
pub struct Following {
    abort: AbortHandle,
    thread: Option<JoinHandle<()>>,
}

/// Starts a thread that calls [`Verifier::poll`] at the interval of the feed, varied by up to a fifth so that
/// verifiers do not poll in step, and after failures with a growing pause of up to a minute.
///
/// # Errors
/// If the system cannot create a thread.
pub fn follow(verifier: Arc<Verifier>) -> io::Result<Following> {
    let (abort, registration) = AbortHandle::new_pair();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("signet-verify".to_owned()).spawn(move || {
        let work = Abortable::new(polls(&verifier), registration);
        runtime.block_on(work.map(drop));
    })?;
    Ok(Following { abort, thread: Some(thread) })
}

async fn polls(verifier: &Verifier) {
    let mut retry = RETRY;
    loop {
        let seconds = match verifier.poll(system_time()).await {
            Ok(poll) => {
                retry = RETRY;
                poll
            }
            Err(_) => {
                let seconds = retry;
                retry = (retry * 2).min(MOST_RETRY);
                seconds
            }
        };
        tokio::time::sleep(jittered(seconds)).await;
    }
}

/// Between four and six fifths of `seconds`.
fn jittered(seconds: u32) -> Duration {
    let mut byte = [128];
    // Without randomness all verifiers poll in step, which is acceptable.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    let fifths = 0.8 + 0.4 * f64::from(byte[0]) / 255.0;
    Duration::from_secs_f64(f64::from(seconds) * fifths)
}

impl Drop for Following {
    fn drop(&mut self) {
        self.abort.abort();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_found_among_other_directives() {
        assert_eq!(max_age("public, max-age=300, stale-if-error=86400"), Some(300));
        assert_eq!(max_age("s-maxage=7"), None);
        assert_eq!(max_age("no-store"), None);
    }

    #[test]
    fn polls_are_spread_by_a_fifth() {
        for _ in 0..100 {
            let wait = jittered(10);
            assert!((Duration::from_secs(8)..=Duration::from_secs(12)).contains(&wait), "{wait:?}");
        }
    }
}
