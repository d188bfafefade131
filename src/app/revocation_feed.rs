//! The last signed revocation feed.
//!
//! Owns how often the database is read for it, however many services poll.

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

/// A feed that was signed.
#[derive(Clone)]
pub struct SignedFeed {
    /// The token.
    pub document: Document,
    /// Its content.
    pub content: FeedContent,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When the database was read last.
    pub read_at: Timestamp,
}

/// The last feed. It is locked while the next one is built, so that concurrent requests wait for that one.
pub type RevocationFeed = tokio::sync::Mutex<Option<SignedFeed>>;

impl SignedFeed {
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
