//! The last signed revocation feed.
//!
//! Owns how often the database is read for it and how often it is signed, however many services poll.

use std::collections::BTreeMap;

use crate::base::{TimeSpan, Timestamp};
use crate::crypto::keyring::Document;
use crate::store::revocations::StoredRevocation;

/// The minimum time between reads of the database.
const READ_EVERY: TimeSpan = TimeSpan::from_secs(1);
/// How long the same signed feed is served while nothing changes.
const SIGN_EVERY: TimeSpan = TimeSpan::from_secs(5);

/// The content of a feed.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedContent {
    /// The revocations.
    pub rows: Vec<StoredRevocation>,
    /// The keys that were withdrawn.
    pub keys: Vec<String>,
    /// The longest lifetime of an access token, in seconds.
    pub covers: i64,
}

/// A feed as it is sent.
#[derive(Clone)]
pub struct FeedDocument {
    /// The signed token, uncompressed.
    pub plain: Document,
    /// The same in gzip, if that is shorter.
    pub gzip: Option<Document>,
}

/// A feed that was signed.
#[derive(Clone)]
pub struct SignedFeed {
    /// The complete feed.
    pub whole: FeedDocument,
    /// The parts that were requested: the revocations since a time, in seconds.
    pub parts: BTreeMap<i64, FeedDocument>,
    /// Its content.
    pub content: FeedContent,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When the database was read last.
    pub read_at: Timestamp,
}

/// The last feed. It is locked while the next one is built, so that concurrent requests wait for that one.
pub type RevocationFeed = tokio::sync::Mutex<Option<SignedFeed>>;

/// Parts begin at a multiple of this, in seconds, so that there are few of them.
const PART_EVERY: i64 = 10;
/// The longest time that a part covers, in seconds. A verifier that needs more gets the complete feed.
const LONGEST_PART: i64 = 600;
/// How much earlier than requested a part begins: a transaction may commit after one that began later.
pub const PART_OVERLAP: TimeSpan = TimeSpan::from_secs(10);

impl SignedFeed {
    /// The time from which the part for a verifier that knows the feed of `since` begins; `None` if it needs the
    /// complete feed.
    #[must_use]
    pub fn part_since(&self, since: i64) -> Option<i64> {
        let signed_at = self.signed_at.secs();
        let from = since.min(signed_at).div_euclid(PART_EVERY) * PART_EVERY;
        (from >= signed_at - LONGEST_PART).then_some(from)
    }

    /// Whether it may be served without reading the database. It may not if the clock was set back.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        (self.read_at..self.read_at + READ_EVERY).contains(&now) && self.may_serve(now)
    }

    /// Whether its signature is young enough to be served.
    #[must_use]
    pub fn may_serve(&self, now: Timestamp) -> bool {
        (self.signed_at..self.signed_at + SIGN_EVERY).contains(&now)
    }
}
