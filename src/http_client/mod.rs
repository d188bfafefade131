//! The HTTP client: forms posted to addresses that an administrator has registered, documents fetched from hosts that
//! outsiders have named (`fetch`), and the health check.
//!
//! Owns the restrictions: redirects are not followed, proxies of the environment are not used, of the response to a
//! form only the status is read, every request ends within five seconds, and the number of open sockets is bounded.

mod fetch;
mod resolver;
#[cfg(feature = "test-support")]
mod stand_in;

use std::error::Error;
use std::net::SocketAddr;
#[cfg(feature = "test-support")]
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};
use reqwest::redirect::Policy;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use url::Url;

use crate::base::Deadlines;
use crate::domain::trace::Trace;

use fetch::Fetcher;
pub use fetch::{Fetch, FetchError, Fetched};
use resolver::SystemResolver;

/// The most sockets of one request: a host with addresses of both families is tried at two of them (RFC
/// 8305), and the socket to the name server is closed before that.
const SOCKETS_OF_A_REQUEST: u64 = 2;
/// Outgoing requests may use one in this many of the file descriptors.
const SHARE: u64 = 8;
/// The least and the greatest number of sockets of all outgoing requests.
const SOCKETS: (u64, u64) = (8, 512);

/// How many sockets all outgoing requests may use, if this process may open `open_files` files.
#[must_use]
pub fn outgoing_sockets(open_files: u64) -> u64 {
    (open_files / SHARE).clamp(SOCKETS.0, SOCKETS.1)
}

/// An HTTP client, built at the first request: building it fails without system certificates, and most
/// servers never need it.
pub struct HttpClient {
    client: OnceLock<Option<reqwest::Client>>,
    deadlines: Deadlines,
    fetcher: Fetcher,
    /// One permit for each concurrent request.
    places: Semaphore,
}

/// Permits for concurrent requests. Every request needs one.
pub struct Places<'a> {
    client: &'a HttpClient,
    count: u32,
    permit: SemaphorePermit<'a>,
}

impl HttpClient {
    /// A client with the timeouts of `deadlines`.
    #[must_use]
    pub fn new(deadlines: Deadlines) -> Self {
        let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let places = outgoing_sockets(open_files) / SOCKETS_OF_A_REQUEST;
        let places = Semaphore::new(usize::try_from(places).unwrap_or(1));
        let fetcher = Fetcher::new(Arc::new(SystemResolver::default()));
        Self { client: OnceLock::new(), deadlines, fetcher, places }
    }

    /// The same client with the hosts of `file` instead of DNS.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn standing_in(mut self, file: &Path) -> Self {
        let resolver = Arc::new(stand_in::StandIn::new(file.to_owned()));
        self.fetcher = Fetcher::new(resolver).trusting(&stand_in::StandIn::authorities(file));
        self
    }

    /// Waits for permits: at most `most`, fewer if others are waiting.
    ///
    /// # Errors
    /// Never while the client exists.
    pub async fn places(&self, most: u32) -> Result<Places<'_>, AcquireError> {
        let mut permit = self.places.acquire().await?;
        let mut count = 1;
        // A quarter of the free permits, so that receivers that do not respond cannot use up all of them.
        let free = u32::try_from(self.places.available_permits() / 4).unwrap_or(u32::MAX);
        if let more @ 1.. = free.min(most.saturating_sub(1))
            && let Ok(further) = self.places.try_acquire_many(more)
        {
            permit.merge(further);
            count += more;
        }
        Ok(Places { client: self, count, permit })
    }
}

impl Places<'_> {
    /// The number of concurrent requests that these permit.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Returns all permits but `count`.
    pub fn keep(&mut self, count: usize) {
        let surplus = (self.count as usize).saturating_sub(count);
        if surplus > 0
            && let Some(given_back) = self.permit.split(surplus)
        {
            drop(given_back);
            self.count = u32::try_from(count).unwrap_or(self.count);
        }
    }

    /// Posts a form, in a span of a trace. Succeeds if the response has a 2xx status.
    ///
    /// # Errors
    /// A text for the log, without any part of the form.
    pub async fn post_form(
        &self,
        uri: &str,
        fields: &[(&str, &str)],
        trace: Trace,
    ) -> Result<(), String> {
        let Self { client, .. } = self;
        let client = client.client.get_or_init(|| make(client.deadlines)).as_ref();
        let client = client.ok_or("there are no certificates to trust on this system")?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = client
            .post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CACHE_CONTROL, "no-store")
            .header("traceparent", trace.header())
            .body(body)
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("the answer was {}", answer.status().as_u16()))
        }
    }
}

/// The timeout of a request to the trace collector.
#[cfg(feature = "otlp")]
const COLLECTOR: Duration = Duration::from_secs(10);

/// A client for the trace collector, whose address the operator has set. The thread that sends spans makes one
/// request at a time.
#[cfg(feature = "otlp")]
#[derive(Debug, Clone)]
pub struct CollectorClient(reqwest::Client);

#[cfg(feature = "otlp")]
impl CollectorClient {
    /// Builds a client.
    ///
    /// # Errors
    /// A text for the log, for example if there are no system certificates.
    pub fn new() -> Result<Self, String> {
        builder().timeout(COLLECTOR).build().map(Self).map_err(|error| error.to_string())
    }

    /// Sends a request and returns the status of the response, whose body is not read.
    ///
    /// # Errors
    /// A text for the log, without any part of the request.
    pub async fn send<R>(&self, request: R) -> Result<u16, String>
    where
        R: TryInto<reqwest::Request, Error = reqwest::Error>,
    {
        let answer = match request.try_into() {
            Ok(request) => self.0.execute(request).await,
            Err(error) => Err(error),
        };
        let status = answer.map(|answer| answer.status().as_u16());
        status.map_err(|error| error.without_url().to_string())
    }
}

/// The timeout of [`probe`], including the connection.
const PROBE: Duration = Duration::from_secs(3);

/// The status of the response to a GET, for the health check of this machine's own server.
///
/// Accepts any certificate: nothing secret is sent, and the certificate for the public name does not match
/// the address that is asked.
///
/// Connects to `address` instead of the host of `url`, if given: an address with a scope (`fe80::1%eth0`)
/// cannot be in a URL (RFC 3986 §3.2.2).
///
/// # Errors
/// The innermost cause, or that no response came within three seconds.
pub async fn probe(url: &Url, address: Option<SocketAddr>) -> Result<u16, String> {
    let mut client = builder().timeout(PROBE).tls_danger_accept_invalid_certs(true);
    if let (Some(host), Some(address)) = (url.host_str(), address) {
        client = client.resolve(host, address);
    }
    let client = client.build();
    let answer = match client {
        Ok(client) => client.get(url.clone()).send().await,
        Err(error) => Err(error),
    };
    answer.map(|answer| answer.status().as_u16()).map_err(|error| {
        if error.is_timeout() {
            return format!("no answer within {} s", PROBE.as_secs());
        }
        let mut cause: &dyn Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    })
}

/// The common settings of all clients: no redirects are followed, and no proxy of the environment is used.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("signet/", env!("CARGO_PKG_VERSION")))
}

fn make(deadlines: Deadlines) -> Option<reqwest::Client> {
    let client = builder()
        .timeout(deadlines.delivery())
        .connect_timeout(deadlines.delivery_connection())
        // A connection is closed after its response, because idle connections are not part of the socket limit.
        .pool_max_idle_per_host(0)
        .build();
    client.inspect_err(|error| tracing::error!(%error, "no way out to clients")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_others_take_a_part_of_the_open_files() {
        for (open_files, sockets) in [(0, 8), (80, 10), (256, 32), (1_024, 128), (1 << 20, 512)] {
            assert_eq!(outgoing_sockets(open_files), sockets, "{open_files}");
        }
        assert_eq!(outgoing_sockets(u64::MAX), 512);
    }

    #[tokio::test]
    async fn one_receiver_takes_no_more_than_a_part_of_the_places() {
        let client = HttpClient::new(Deadlines::IN_SERVICE);
        let all = client.places.available_permits();
        let first = client.places(4).await.unwrap();
        assert!((1..=4).contains(&first.count()));
        let mut held = vec![first];
        while client.places.available_permits() > 0 {
            held.push(client.places(4).await.unwrap());
        }
        let taken: u32 = held.iter().map(Places::count).sum();
        assert_eq!(usize::try_from(taken), Ok(all));
        assert_eq!(held.last().map(Places::count), Some(1), "the last ones go one by one");
        held.clear();
        let mut several = client.places(4).await.unwrap();
        several.keep(1);
        assert_eq!((several.count(), client.places.available_permits()), (1, all - 1));
        drop(several);
        assert_eq!(client.places.available_permits(), all);
    }
}
