//! GET of a small JSON document from a host that others have named: a client's own document, the keys of an issuer.
//!
//! Owns what keeps that from being turned against the network of the operator: https only, every address of the name
//! judged by the policy of the caller, the connection opened to an address that was judged, no redirect, no proxy,
//! status 200 only, a JSON media type, a limit on time and on bytes. Keeps nothing; how often a host is asked is the
//! caller's to limit.

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

/// The most clients that are kept: one for each policy in use.
const MAX_CLIENTS: usize = 64;
/// The longest entity tag that is kept.
const MAX_ETAG: usize = 256;

/// What is fetched.
#[derive(Debug, Clone, Copy)]
pub struct Fetch<'a> {
    /// Where the document is.
    pub url: &'a Url,
    /// Which addresses its host may have.
    pub policy: &'a AddressPolicy,
    /// The most bytes of its body. A longer one is refused; a part is never read.
    pub limit: usize,
    /// The entity tag of the copy that the caller has.
    pub etag: Option<&'a str>,
}

/// What an answer brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The document.
    Document {
        /// Its bytes.
        body: Vec<u8>,
        /// Its entity tag.
        etag: Option<String>,
        /// For how many seconds it may be kept, where the host said so.
        max_age: Option<u64>,
    },
    /// The copy of the caller is the present one.
    NotModified {
        /// For how many seconds it may be kept from now on, where the host said so.
        max_age: Option<u64>,
    },
}

/// Why there is no document. The text is for operators: it names addresses that the name was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// No https URL with a host.
    Url,
    /// An address that the policy does not permit.
    Address(IpAddr),
    /// The name has no address, or its servers did not say.
    Name,
    /// No connection, no TLS for that name, or no HTTP.
    Connection(String),
    /// It took too long.
    Timeout,
    /// Another status than 200.
    Status(u16),
    /// No JSON, by the header of the answer.
    MediaType(String),
    /// A content encoding that was not asked for.
    Encoding,
    /// More bytes than the limit.
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

    /// The same, which also trusts the certificates in `pem`.
    #[cfg(feature = "test-support")]
    pub(super) fn trusting(mut self, pem: &[u8]) -> Self {
        self.authorities = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        self
    }

    /// The client whose connections go to addresses that `policy` permits.
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
            // A connection is closed after its answer: the next request judges the addresses of its time.
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
    /// Fetches a JSON document within three seconds, from the wait for a place to the last byte.
    ///
    /// # Errors
    /// When the host may not be asked, does not answer, or answers something else.
    ///
    /// Boxed: its state is large, and every caller up to the endpoint would contain it.
    pub fn fetch<'a>(&'a self, fetch: Fetch<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let fetching = async move {
            let _place = self.places(1).await.map_err(|error| connection(&error))?;
            self.fetch_now(fetch).await
        };
        let limited = timeout(self.deadlines.fetch(), fetching);
        async move { limited.await.map_err(|_| FetchError::Timeout)? }.boxed()
    }

    async fn fetch_now(&self, fetch: Fetch<'_>) -> Result<Fetched, FetchError> {
        // A name is judged by the resolver of the client; an address is never resolved.
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

/// The document in an answer.
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

/// How long an answer is fresh from now on (RFC 9111 §4.2): its `max-age` less its age; 0 where it may not be kept.
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

/// The resolver of a client: gives out addresses that the policy permits, or none at all.
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
            // One refused address refuses the name: which of them is connected to is left to chance.
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

/// What an error of the library is: that of [`Guard`] inside it, or a connection that failed.
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

/// The innermost cause, which says most: the outer ones repeat the URL.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
