//! The HTTP client: forms posted to addresses that an administrator has registered, and the health
//! check.
//!
//! Owns what keeps that harmless: no redirect is followed, no proxy of the environment is used, an
//! answer is looked at no further than its status, and nothing takes longer than five seconds.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};
use reqwest::redirect::Policy;
use url::Url;

use crate::base::Deadlines;

/// A client for HTTP, made when it is first needed: without certificates of the system there can be
/// none, and most servers never need one.
pub struct HttpClient {
    client: OnceLock<Option<reqwest::Client>>,
    deadlines: Deadlines,
}

impl HttpClient {
    /// A client that waits as long as `deadlines` say.
    #[must_use]
    pub const fn new(deadlines: Deadlines) -> Self {
        Self { client: OnceLock::new(), deadlines }
    }

    /// Posts a form. Good is every status of success.
    ///
    /// # Errors
    /// In words for the log, which hold nothing of the form.
    pub async fn post_form(&self, uri: &str, fields: &[(&str, &str)]) -> Result<(), String> {
        let client = self.client.get_or_init(|| make(self.deadlines)).as_ref();
        let client = client.ok_or("there are no certificates to trust on this system")?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = client
            .post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CACHE_CONTROL, "no-store")
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

/// How long [`probe`] waits in all.
const PROBE: Duration = Duration::from_secs(3);

/// The status a server answers a GET with, for the health check of this machine's own server.
///
/// Any certificate is taken: nothing secret is sent, and a certificate for the public name could never
/// match the address the server is asked at.
///
/// The host of `url` is connected to at `address`, where that is given: an address with a scope
/// (`fe80::1%eth0`) cannot stand in a URL (RFC 3986 §3.2.2).
///
/// # Errors
/// In words for people: the innermost cause, or that no answer came within three seconds.
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

/// What every client has in common: no redirect is followed, no proxy of the environment is used.
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
        .pool_max_idle_per_host(1)
        .build();
    client.inspect_err(|error| tracing::error!(%error, "no way out to clients")).ok()
}
