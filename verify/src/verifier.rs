//! The verifier: the order of the rules, and its state between requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{error, fmt};

use crate::authorization::{self, Scheme};
use crate::claims::{Claims, LEEWAY};
use crate::dpop;
use crate::feed::{self, Feed, MAX_FEED};
use crate::fetch::Fetch;
use crate::jws::{Jws, MAX_TOKEN};
use crate::keys::Keys;
use crate::refused::{Code, Refused};
use crate::replay::Replay;
use crate::revoked::{RevokedSet, Token};
use crate::warnings::Warnings;

/// A larger feed is fetched completely once a minute, and in parts in between.
const LARGE_FEED: usize = 16 * 1024;
/// How long parts are fetched before the complete feed is fetched again, in seconds.
const WHOLE_EVERY: i64 = 60;

/// What a verifier trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The issuer, exactly as in its metadata and its tokens.
    pub issuer: String,
    /// The identifier of this API, exactly as it is registered.
    pub audience: String,
    /// A name for this resource server, of letters, digits, `-`, `_` and `.`: `signet key list` shows it.
    pub name: String,
    /// Whether revocations are checked. There is no default, because it is a decision about the service.
    pub revocations: Revocations,
}

/// Whether tokens are checked against the revocation feed, and what happens while the feed is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocations {
    /// While the feed is stale, an otherwise valid token is answered with 503.
    Closed,
    /// While the feed is stale, an otherwise valid token is accepted, counted and logged.
    Open,
    /// The feed is not read: a token is accepted until it expires.
    NotRead,
}

/// The error of a [`Trust`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustError(&'static str);

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl error::Error for TrustError {}

/// The parts of a request that are verified.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Every value of its `Authorization` header.
    pub authorization: &'a [&'a [u8]],
    /// The data for verifying a DPoP proof. Without it, tokens that are bound to a key are refused.
    pub proof: Option<Proof<'a>>,
}

/// The data for verifying a DPoP proof (RFC 9449 §4.3).
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Every value of the request's `DPoP` header.
    pub headers: &'a [&'a [u8]],
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the request as the client sent it, with scheme and host.
    pub uri: &'a str,
}

impl<'a> Request<'a> {
    /// A request without DPoP.
    #[must_use]
    pub fn bearer(authorization: &'a [&'a [u8]]) -> Self {
        Self { authorization, proof: None }
    }
}

/// A request with a valid token.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The claims of the token.
    pub claims: Claims,
}

/// Why a poll failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollError {
    /// The feed could not be fetched, or the issuer has none.
    NotFetched(String),
    /// The feed was fetched and ignored: another issuer, type or key, or from the future.
    Ignored(Code),
}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFetched(why) => write!(f, "the feed cannot be fetched: {why}"),
            Self::Ignored(code) => write!(f, "a feed was ignored: {code}"),
        }
    }
}

impl error::Error for PollError {}

/// Numbers for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tokens that were accepted while the feed was stale.
    pub accepted_while_stale: u64,
    /// Until when the newest feed is recent.
    pub feed_exp: i64,
    /// The number of revocations.
    pub revoked: usize,
}

/// Verifies requests. Shared by all threads of a server.
pub struct Verifier {
    trust: Trust,
    fetch: Arc<dyn Fetch>,
    keys: Keys,
    revoked: RwLock<RevokedSet>,
    feeds: RwLock<Feeds>,
    accepted_while_stale: AtomicU64,
    replay: Replay,
    warnings: Arc<Warnings>,
}

/// The state of the feeds.
#[derive(Debug, Clone, Copy, Default)]
struct Feeds {
    /// The latest `exp` of a feed.
    exp: i64,
    /// The latest `iat` up to which the state is complete.
    iat: i64,
    /// When the last complete feed was read, and whether it was large.
    whole: Option<(i64, bool)>,
}

impl Verifier {
    /// A verifier that has fetched nothing. Warnings are printed to stderr.
    ///
    /// # Errors
    /// If the issuer is not an `http` or `https` URL without a trailing slash, or the name contains other
    /// characters.
    pub fn new(trust: Trust, fetch: impl Fetch) -> Result<Self, TrustError> {
        Self::with_warnings(trust, fetch, |text| eprintln!("{text}"))
    }

    /// The same with another destination for warnings, of which there is at most one a minute for each kind.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_warnings(
        trust: Trust,
        fetch: impl Fetch,
        sink: fn(&str),
    ) -> Result<Self, TrustError> {
        let is_http = ["http://", "https://"].iter().any(|scheme| trust.issuer.starts_with(scheme));
        if !is_http || trust.issuer.ends_with('/') {
            return Err(TrustError(
                "issuer must be an http or https address without a slash at its end",
            ));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if trust.name.is_empty() || !trust.name.bytes().all(is_plain) {
            return Err(TrustError("name must be letters, digits, -, _ and ."));
        }
        if trust.audience.is_empty() || trust.audience == trust.issuer {
            return Err(TrustError(
                "audience must be the identifier of an API, which the issuer is not",
            ));
        }
        let fetch: Arc<dyn Fetch> = Arc::new(fetch);
        let warnings = Arc::new(Warnings::to(sink));
        let (issuer, name) = (trust.issuer.clone(), trust.name.clone());
        let keys = Keys::new(Arc::clone(&fetch), issuer, name, Arc::clone(&warnings));
        Ok(Self {
            trust,
            fetch,
            keys,
            revoked: RwLock::default(),
            feeds: RwLock::default(),
            accepted_while_stale: AtomicU64::new(0),
            replay: Replay::default(),
            warnings,
        })
    }

    /// Verifies a request. It waits for the issuer only if the token names an unknown key, or if the keys are old and
    /// [`poll`](Self::poll) was not called.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub async fn verify(&self, request: &Request<'_>, now: i64) -> Result<Verified, Refused> {
        let (scheme, token) = authorization::token(request.authorization)?;
        let proof = match (scheme, &request.proof) {
            (Scheme::Bearer, _) => None,
            (Scheme::Dpop, Some(proof)) => Some(proof),
            (Scheme::Dpop, None) => return Err(Code::NoToken.into()),
        };
        if token.len() > MAX_TOKEN {
            return Err(Code::TooLarge.into());
        }
        let jws = Jws::read(token, &["alg", "kid", "typ"])?;
        if !jws.is_of_type("at+jwt") {
            return Err(Code::WrongType.into());
        }
        if jws.alg().is_none() {
            return Err(Code::WrongAlgorithm.into());
        }
        let kid = jws.text("kid").ok_or(Code::UnexpectedHeader)?;
        let all = jws.verify(&*self.key(kid, now).await?)?;
        let claims = Claims::check(all, (&self.trust.issuer, &self.trust.audience), now)?;
        match (&claims.jkt, proof) {
            (None, None) => {}
            (Some(jkt), Some(proof)) => dpop::check(proof, (token, jkt), &self.replay, now)?,
            (Some(_), None) => return Err(Code::ProofRequired.into()),
            (None, Some(_)) => return Err(Code::BadProof.into()),
        }
        self.not_revoked(kid, &claims, now)?;
        Ok(Verified { claims })
    }

    /// A key that was not withdrawn.
    async fn key(&self, kid: &str, now: i64) -> Result<Arc<crate::key::PublicKey>, Code> {
        if self.reads_feed() && self.revoked().has_key(kid) {
            return Err(Code::KeyRetired);
        }
        self.keys.find(kid, now).await
    }

    fn reads_feed(&self) -> bool {
        self.trust.revocations != Revocations::NotRead
    }

    fn revoked(&self) -> std::sync::RwLockReadGuard<'_, RevokedSet> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> Feeds {
        *self.feeds.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_revoked(&self, kid: &str, claims: &Claims, now: i64) -> Result<(), Code> {
        if !self.reads_feed() {
            return Ok(());
        }
        let token = Token {
            kid,
            jti: &claims.jti,
            sid: claims.sid.as_deref(),
            client_id: &claims.client_id,
            sub: &claims.sub,
            aud: &claims.aud,
            iat: claims.iat,
        };
        // A listed token is refused, however old the feed is.
        if self.revoked().has(&token) {
            return Err(Code::Revoked);
        }
        if self.feeds().exp >= now - LEEWAY {
            return Ok(());
        }
        if self.trust.revocations == Revocations::Closed {
            return Err(Code::FeedStale);
        }
        let before = self.accepted_while_stale.fetch_add(1, Ordering::Relaxed);
        let text = format!("{} tokens were accepted without it", before + 1);
        self.warnings.say("the feed is not recent", &text, now);
        Ok(())
    }

    /// Fetches the feed and keys that are old, and removes expired entries. To be called from one task besides the
    /// requests; returns the number of seconds to the next call.
    ///
    /// # Errors
    /// If no feed could be fetched, or it was ignored. The previous state is kept.
    pub async fn poll(&self, now: i64) -> Result<u32, PollError> {
        let endpoints = self.keys.refresh(now).await;
        if !self.reads_feed() {
            return Ok(60);
        }
        let polled = self.fetch_feed(endpoints.and_then(|found| found.feed.clone()), now).await;
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).forget(now);
        if let Err(error) = &polled {
            self.warnings.say("no feed", error, now);
        }
        polled
    }

    async fn fetch_feed(&self, url: Option<String>, now: i64) -> Result<u32, PollError> {
        let missing = || PollError::NotFetched("the metadata of the issuer name none".to_owned());
        let url = url.ok_or_else(missing)?;
        let known = self.feeds();
        let is_part =
            matches!(known.whole, Some((at, true)) if (at..at + WHOLE_EVERY).contains(&now));
        let asked = if is_part {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}since={}", known.iat)
        } else {
            url
        };
        let fetched = self.fetch.get(asked, MAX_FEED).await;
        let fetched = fetched.map_err(|error| PollError::NotFetched(error.0))?;
        let text =
            str::from_utf8(&fetched.body).map_err(|_| PollError::Ignored(Code::Malformed))?;
        let feed = self.read(text, now).await.map_err(PollError::Ignored)?;
        let poll = u32::try_from(feed.poll.clamp(1, 60)).unwrap_or(60);
        self.unite(feed, text.len() > LARGE_FEED, now);
        Ok(poll)
    }

    /// A feed of the issuer, signed by a key that neither it nor an earlier feed withdraws.
    async fn read(&self, text: &str, now: i64) -> Result<Feed, Code> {
        let jws = feed::unverified(text.trim_ascii())?;
        let kid = jws.text("kid").ok_or(Code::UnexpectedHeader)?;
        let claims = jws.verify(&*self.key(kid, now).await?)?;
        let feed = Feed::read(&claims, &self.trust.issuer, now)?;
        if feed.revoked.has_key(kid) {
            return Err(Code::KeyRetired);
        }
        Ok(feed)
    }

    fn unite(&self, feed: Feed, is_large: bool, now: i64) {
        // The difference is computed without the lock; requests only wait while it is added.
        let news = feed.revoked.news(&self.revoked());
        if !news.is_empty() {
            self.revoked.write().unwrap_or_else(PoisonError::into_inner).unite(news);
        }
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        // A part that begins later than the known feed may lack entries in between.
        if feed.since.is_some_and(|since| since > feeds.iat) {
            return;
        }
        feeds.exp = feeds.exp.max(feed.exp);
        feeds.iat = feeds.iat.max(feed.iat);
        if feed.since.is_none() {
            feeds.whole = Some((now, is_large));
        }
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            accepted_while_stale: self.accepted_while_stale.load(Ordering::Relaxed),
            feed_exp: self.feeds().exp,
            revoked: self.revoked().len(),
        }
    }
}
