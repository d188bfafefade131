//! The verifier: the rules in their order, and what it keeps between requests.

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

/// A feed larger than this is fetched whole once a minute, and what is new in between.
const LARGE_FEED: usize = 16 * 1024;
/// How long what is new is asked for before the whole feed is fetched again, in seconds.
const WHOLE_EVERY: i64 = 60;

/// What a verifier trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The issuer, exactly as its metadata and its tokens name it.
    pub issuer: String,
    /// The identifier of this API, exactly as it is registered.
    pub audience: String,
    /// A name for this resource server, of letters, digits, `-`, `_` and `.`: `signet key list` shows it.
    pub name: String,
    /// What revocations are worth. There is no default: it is a decision about the service.
    pub revocations: Revocations,
}

/// Whether tokens are compared with the feed of revocations, and what happens while it is not recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocations {
    /// Without a recent feed a token that is good otherwise is answered with 503.
    Closed,
    /// Without a recent feed a token that is good otherwise is accepted, counted and warned of.
    Open,
    /// The feed is not read: a token is accepted until it expires.
    NotRead,
}

/// What is wrong with a [`Trust`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustError(&'static str);

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl error::Error for TrustError {}

/// What of a request is verified.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Every value of its `Authorization` header.
    pub authorization: &'a [&'a [u8]],
    /// What a DPoP proof is compared with. Without it tokens that are bound to a key are refused.
    pub proof: Option<Proof<'a>>,
}

/// What a DPoP proof is compared with (RFC 9449 §4.3).
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Every value of the request's `DPoP` header.
    pub headers: &'a [&'a [u8]],
    /// The method of the request.
    pub method: &'a str,
    /// The address of the request as the client wrote it, with scheme and host.
    pub uri: &'a str,
}

impl<'a> Request<'a> {
    /// A request whose token is Bearer or nothing.
    #[must_use]
    pub fn bearer(authorization: &'a [&'a [u8]]) -> Self {
        Self { authorization, proof: None }
    }
}

/// A request that may pass, as far as its token goes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// Whose it is.
    pub claims: Claims,
}

/// Why a poll brought no feed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollError {
    /// It could not be fetched, or the issuer has none.
    NotFetched(String),
    /// It was fetched and ignored: another issuer, type or key, or from the future.
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
    /// Tokens that were accepted while the feed was not recent.
    pub accepted_while_stale: u64,
    /// Until when the newest feed counts as recent.
    pub feed_exp: i64,
    /// Entries of the set of revocations.
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

/// What is known of the feeds so far.
#[derive(Debug, Clone, Copy, Default)]
struct Feeds {
    /// The latest `exp` of one.
    exp: i64,
    /// The latest `iat` of one from which nothing is missing.
    iat: i64,
    /// When the last whole one was read, and whether it was large.
    whole: Option<(i64, bool)>,
}

impl Verifier {
    /// A verifier that has fetched nothing yet. Warnings are printed to stderr.
    ///
    /// # Errors
    /// When the issuer is no `http` or `https` address without a slash at its end, or the name has other characters.
    pub fn new(trust: Trust, fetch: impl Fetch) -> Result<Self, TrustError> {
        Self::with_warnings(trust, fetch, |text| eprintln!("{text}"))
    }

    /// The same with another place for warnings, which come at most once a minute for each kind.
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

    /// Verifies a request. It waits for the issuer only where a token names a key that is unknown, or where the keys are
    /// old and nothing has called [`poll`](Self::poll).
    ///
    /// # Errors
    /// The reason why the request must not pass.
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
        // What is listed is refused, however old the list is.
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

    /// Fetches the feed, and keys that are old, and forgets what may be forgotten. It is called from one place, beside the
    /// requests, and returns after how many seconds it should be called again.
    ///
    /// # Errors
    /// When there was no feed to be had, or the one there was is ignored. What was known before stays known.
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

    /// A feed of the issuer, signed by a key that neither it nor an earlier one withdraws.
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
        // The difference is made beside the requests; what holds them up is what is new.
        let news = feed.revoked.news(&self.revoked());
        if !news.is_empty() {
            self.revoked.write().unwrap_or_else(PoisonError::into_inner).unite(news);
        }
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        // A part that begins later than what is known may lack something in between.
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
