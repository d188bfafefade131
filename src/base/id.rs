//! Typed, time-ordered identifiers (UUIDv7, RFC 9562 §5.7).
//!
//! An id is public and partly predictable: never use one as a secret.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use uuid::Uuid;

use super::{Entropy, Timestamp, entropy::random};

/// An identifier of a `K`. Different kinds of ids cannot be compared, bound or converted to each other.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Marks the ids of users.
#[derive(Debug)]
pub enum User {}
/// Marks the ids of sessions; the `sid` claim.
#[derive(Debug)]
pub enum Session {}
/// Marks the ids of refresh branches.
#[derive(Debug)]
pub enum Branch {}
/// Marks the ids of log-ins at Signet's own pages in one browser.
#[derive(Debug)]
pub enum Browser {}
/// Marks the ids of notices to clients that a session has ended.
#[derive(Debug)]
pub enum Notice {}
/// Marks the ids of mails.
#[derive(Debug)]
pub enum Mail {}
/// Marks the ids of server processes.
#[derive(Debug)]
pub enum Process {}
/// Marks the ids of second factors.
#[derive(Debug)]
pub enum Factor {}
/// Marks the ids of administration keys.
#[derive(Debug)]
pub enum AdminKey {}
/// Marks the ids of API keys of users.
#[derive(Debug)]
pub enum ApiKey {}
/// Marks the ids of audit events.
#[derive(Debug)]
pub enum AuditEvent {}

/// A user's id: the `sub` of every token, opaque and never an e-mail address.
pub type UserId = Id<User>;
/// A session's id: the `sid` of all its tokens.
pub type SessionId = Id<Session>;
/// The id of a refresh branch: one chain of refresh tokens, of which a session has at least one. It is only
/// contained in refresh tokens.
pub type BranchId = Id<Branch>;
/// The id of a log-in at Signet's own pages in one browser.
pub type BrowserId = Id<Browser>;
/// A notice's id, the `jti` of the logout token it is sent with.
pub type NoticeId = Id<Notice>;
/// A mail's id, from which its Message-ID is derived.
pub type MailId = Id<Mail>;
/// The id of a server process: another one after each start.
pub type ProcessId = Id<Process>;
/// The id of a second factor.
pub type FactorId = Id<Factor>;
/// The id of an administration key.
pub type AdminKeyId = Id<AdminKey>;
/// The id of an API key of a user.
pub type ApiKeyId = Id<ApiKey>;
/// An audit event's id.
pub type AuditId = Id<AuditEvent>;

impl<K> Id<K> {
    /// A new id that sorts after those from earlier milliseconds.
    #[must_use]
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let random: [u8; 10] = random(entropy);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid(), PhantomData)
    }

    /// The least id that could have been created at `at`: a bound for "older than".
    #[must_use]
    pub fn earliest(at: Timestamp) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid(), PhantomData)
    }

    /// When it was created, to the millisecond: the first 48 bits (RFC 9562 §5.7).
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        let millis = self.0.as_u128() >> 80;
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// Wraps a UUID that is known to be an id of this kind (a column, a verified token).
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<K> FromStr for Id<K> {
    type Err = uuid::Error;
    /// Accepts the hyphenated form only, so that one id has one spelling.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        let hyphenated: uuid::fmt::Hyphenated = text.parse()?;
        Ok(Self::from_uuid(hyphenated.into_uuid()))
    }
}
impl<K> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, K> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}
