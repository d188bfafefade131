//! The feed of revocations, as it was signed last.
//!
//! Owns how often the database is asked for it, however many services poll.

use crate::base::{TimeSpan, Timestamp};
use crate::crypto::keyring::Document;
use crate::store::revocations::StoredRevocation;

/// How long what was read counts as read.
const READ_EVERY: TimeSpan = TimeSpan::from_secs(1);
/// How long the same signed feed is served while nothing changes.
const SIGN_EVERY: TimeSpan = TimeSpan::from_secs(5);

/// What a feed says.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedContent {
    /// What ended.
    pub rows: Vec<StoredRevocation>,
    /// The keys that were withdrawn.
    pub keys: Vec<String>,
    /// The longest life of an access token, in seconds.
    pub covers: i64,
}

/// A feed that was signed.
#[derive(Clone)]
pub struct SignedFeed {
    /// The token.
    pub document: Document,
    /// What it says.
    pub content: FeedContent,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When the database was read last.
    pub read_at: Timestamp,
}

/// The last one, held while the next one is made: services that poll meanwhile wait for it.
pub type RevocationFeed = tokio::sync::Mutex<Option<SignedFeed>>;

impl SignedFeed {
    /// Whether it is served without a look at the database. A clock that was put back makes it old.
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
