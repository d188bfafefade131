//! GET of a small JSON document from a host that an outsider has named: a client ID metadata document, the keys of
//! an issuer.
//!
//! Owns the protection against server-side request forgery: https only, every address of the host checked against
//! the caller's policy, the connection opened to a checked address, no redirects, no proxy, status 200 only, a JSON
//! media type, and limits on time and size. Caches nothing; the caller limits the rate of requests to a host.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use url::{Host, Url};

use crate::domain::special_use::AddressPolicy;

use super::resolver::Resolver;
use super::{HttpClient, builder};

/// The most HTTP clients that are kept: one for each address policy in use.
const MAX_CLIENTS: usize = 64;
/// The longest entity tag that is kept.
const MAX_ETAG: usize = 256;

/// A document to fetch.
#[derive(Debug, Clone, Copy)]
pub struct Fetch<'a> {
    /// The address of the document.
    pub url: &'a Url,
    /// The addresses that the host may have.
    pub policy: &'a AddressPolicy,
    /// The longest body, in bytes. A longer one is refused, never truncated.
    pub limit: usize,
    /// The entity tag of the caller's cached document, for a conditional request.
    pub etag: Option<&'a str>,
}

/// The result of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The document.
    Document {
        /// The body of the response.
        body: Vec<u8>,
        /// Its entity tag, if the response has one.
        etag: Option<String>,
        /// `max-age` of the response, in seconds, if it has one.
        max_age: Option<u64>,
    },
    /// The caller's cached document is current (304).
    NotModified {
        /// The new `max-age`, in seconds, if the response has one.
        max_age: Option<u64>,
    },
}

/// Why a fetch failed. The text is for operators only: it contains resolved addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// Not an https URL with a host.
    Url,
    /// The host has an address that the policy does not permit.
    Address(IpAddr),
    /// The name has no address, or could not be resolved.
    Name,
    /// The TCP connection, the TLS handshake or HTTP failed.
    Connection(String),
    /// The deadline passed.
    Timeout,
    /// The status is not 200.
    Status(u16),
    /// The response is not JSON by its `Content-Type`.
    MediaType(String),
    /// A content encoding that was not requested.
    Encoding,
    /// The body is longer than this limit.
    TooLarge(usize),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("the address is not an https URL with a host"),
            Self::Address(address) => {
                write!(f, "the host leads to {address}, which is not a public address")
            }
            Self::Name => f.write_str("the name of the host has no address"),
            Self::Connection(cause) => write!(f, "the connection failed: {cause}"),
            Self::Timeout => f.write_str("the answer took too long"),
            Self::Status(status) => write!(f, "the answer has status {status}, not 200"),
            Self::MediaType(found) if found.is_empty() => {
                f.write_str("the answer has no media type")
            }
            Self::MediaType(found) => write!(f, "the answer has the media type {found}, not JSON"),
            Self::Encoding => f.write_str("the answer is compressed, which was not asked for"),
            Self::TooLarge(limit) => write!(f, "the answer has more than {limit} bytes"),
        }
    }
}

impl Error for FetchError {}

/// The clients of [`HttpClient::fetch`], each bound to one policy.
pub(super) struct Fetcher {
    resolver: Arc<dyn Resolver>,
    clients: Mutex<Vec<(AddressPolicy, reqwest::Client)>>,
    #[cfg(feature = "test-support")]
    authorities: Vec<reqwest::Certificate>,
}

impl Fetcher {
    pub(super) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            clients: Mutex::default(),
            #[cfg(feature = "test-support")]
            authorities: Vec::new(),
        }
    }

    /// Also trusts the certificates in `pem`.
    #[cfg(feature = "test-support")]
    pub(super) fn trusting(mut self, pem: &[u8]) -> Self {
        self.authorities = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        self
    }

    /// The client that connects only to addresses that `policy` permits.
    fn client(&self, policy: &AddressPolicy) -> Result<reqwest::Client, FetchError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == policy) {
            return Ok(client.clone());
        }
        let guard = Guard { resolver: Arc::clone(&self.resolver), policy: policy.clone() };
        let client = builder()
            .https_only(true)
            .referer(false)
            .dns_resolver(Arc::new(guard))
            // A connection is closed after its response, so that every request checks the current addresses.
            .pool_max_idle_per_host(0);
        #[cfg(feature = "test-support")]
        let client = client.tls_certs_merge(self.authorities.iter().cloned());
        let client = client
            .build()
            .map_err(|error| FetchError::Connection(innermost(&error).to_string()))?;
        if clients.len() >= MAX_CLIENTS {
            clients.remove(0);
        }
        clients.push((policy.clone(), client.clone()));
        Ok(client)
    }
}

impl HttpClient {
    /// Fetches a JSON document within three seconds, including the wait for a permit.
    ///
    /// # Errors
    /// If the host is not permitted, does not respond, or responds with anything but an accepted document.
    ///
    /// Boxed: its future is large, and every caller up to the endpoint would contain it.
    pub fn fetch<'a>(&'a self, fetch: Fetch<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let fetching = async move {
            let _place = self.places(1).await.map_err(|error| connection(&error))?;
            self.fetch_now(fetch).await
        };
        let limited = timeout(self.deadlines.fetch(), fetching);
        async move { limited.await.map_err(|_| FetchError::Timeout)? }.boxed()
    }

    async fn fetch_now(&self, fetch: Fetch<'_>) -> Result<Fetched, FetchError> {
        // The resolver of the client checks a name; a literal address is not resolved and is checked here.
        let address = match fetch.url.host() {
            Some(Host::Domain(_)) if fetch.url.scheme() == "https" => None,
            Some(Host::Ipv4(v4)) if fetch.url.scheme() == "https" => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) if fetch.url.scheme() == "https" => Some(IpAddr::V6(v6)),
            _ => return Err(FetchError::Url),
        };
        if let Some(address) = address
            && !fetch.policy.permits(address)
        {
            return Err(FetchError::Address(address));
        }
        let mut request = self
            .fetcher
            .client(fetch.policy)?
            .get(fetch.url.clone())
            .header(ACCEPT, "application/json");
        if let Some(etag) = fetch.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = request.send().await.map_err(|error| of_request(&error))?;
        read(answer, fetch).await
    }
}

/// Reads the document of a response.
async fn read(mut answer: Response, fetch: Fetch<'_>) -> Result<Fetched, FetchError> {
    let max_age = max_age(&answer);
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if fetch.etag.is_some() => {
            return Ok(Fetched::NotModified { max_age });
        }
        status => return Err(FetchError::Status(status.as_u16())),
    }
    let media_type = header(&answer, &CONTENT_TYPE).unwrap_or_default();
    if !is_json(media_type) {
        return Err(FetchError::MediaType(media_type.chars().take(64).collect()));
    }
    if header(&answer, &CONTENT_ENCODING)
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
    {
        return Err(FetchError::Encoding);
    }
    let etag = header(&answer, &ETAG).filter(|etag| etag.len() <= MAX_ETAG).map(str::to_owned);
    let too_large = FetchError::TooLarge(fetch.limit);
    if answer.content_length().is_some_and(|length| length > fetch.limit as u64) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| of_request(&error))? {
        if body.len() + piece.len() > fetch.limit {
            return Err(too_large);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Fetched::Document { body, etag, max_age })
}

fn header<'a>(answer: &'a Response, name: &HeaderName) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Whether a media type is JSON: `application/json`, or with the suffix `+json` (RFC 6839 §3.1).
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|sub| {
        sub == "json" || sub.strip_suffix("+json").is_some_and(|name| !name.is_empty())
    })
}

/// The remaining freshness lifetime (RFC 9111 §4.2): `max-age` less `Age`; 0 if the response must not be cached.
fn max_age(answer: &Response) -> Option<u64> {
    let age = header(answer, &AGE).and_then(|age| age.parse::<u64>().ok()).unwrap_or(0);
    let fields =
        answer.headers().get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
    let mut fresh = None;
    for directive in fields.flat_map(|field| field.split(',')) {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        match &*name.to_ascii_lowercase() {
            "no-store" | "no-cache" => return Some(0),
            "max-age" => fresh = value.trim_matches('"').parse::<u64>().ok().or(fresh),
            _ => {}
        }
    }
    fresh.map(|fresh| fresh.saturating_sub(age))
}

/// The resolver of a client: returns addresses only if the policy permits all of them.
struct Guard {
    resolver: Arc<dyn Resolver>,
    policy: AddressPolicy,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.resolver.look_up(name.as_str().to_owned());
        let (resolver, policy) = (Arc::clone(&self.resolver), self.policy.clone());
        Box::pin(async move {
            let found = lookup.await.map_err(|_| FetchError::Name)?;
            // One refused address refuses the name, because the client may connect to any of them.
            if let Some(refused) = found.iter().find(|address| !policy.permits(**address)) {
                return Err(FetchError::Address(*refused).into());
            }
            if found.is_empty() {
                return Err(FetchError::Name.into());
            }
            let places: Vec<_> = found.into_iter().map(|address| resolver.place(address)).collect();
            Ok(Box::new(places.into_iter()) as Addrs)
        })
    }
}

/// Converts an error of the library: the error of [`Guard`] inside it, or a failed connection.
fn of_request(error: &reqwest::Error) -> FetchError {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(known) = cause.downcast_ref::<FetchError>() {
            return known.clone();
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => return connection(cause),
        }
    }
}

fn connection(cause: &(dyn Error + 'static)) -> FetchError {
    FetchError::Connection(innermost(cause).to_string().chars().take(200).collect())
}

/// The innermost cause, which is the most specific: the outer ones repeat the URL.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
