//! The types of settings other than numbers, texts and time spans.
//!
//! Plain data only. The parsers are in other modules.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::base::Secret;
use crate::text_enum;

text_enum! {
    /// The ways to create an account.
    pub enum Registration {
        /// Only administrators.
        Closed = "closed",
        /// Also any caller that can reach the server.
        Open = "open",
        /// Also any user who receives mail at an address that no other user has.
        Verified = "verified",
        /// Also users whom an administrator has invited by mail.
        Invite = "invite",
    }
}

impl Registration {
    /// Whether a user can create an account without an invitation.
    #[must_use]
    pub const fn takes_anyone(self) -> bool {
        matches!(self, Self::Open | Self::Verified)
    }
}

text_enum! {
    /// Whether a sign-in at the pages outlives the browser session.
    pub enum PersistentSessions {
        /// The cookie ends with the browser.
        Off = "off",
        /// The cookie lasts as long as the sign-in.
        On = "on",
        /// The user chooses on the sign-in page.
        Ask = "ask",
    }
}

impl PersistentSessions {
    /// Whether the cookie of a sign-in outlives the browser session, given the user's choice.
    #[must_use]
    pub const fn outlives_browser(self, asked: bool) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::Ask => asked,
        }
    }
}

text_enum! {
    /// The format of log lines.
    pub enum LogFormat {
        /// Pretty on a terminal, JSON otherwise.
        Auto = "auto",
        /// For people.
        Pretty = "pretty",
        /// One JSON object per line.
        Json = "json",
    }
}

text_enum! {
    /// Whether a start may create a database.
    pub enum NewDatabase {
        /// A first start creates one.
        Allowed = "allowed",
        /// There must be one: a start that finds none fails, because the database was lost.
        Never = "never",
    }
}

/// The database of the state.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file, by its absolute path.
    Sqlite(PathBuf),
    /// A PostgreSQL connection URL; secret because it may contain a password.
    Postgres(Secret<String>),
}

/// The header in which a trusted proxy sends the address of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Not set: `X-Forwarded-For`, or `Forwarded` if a proxy sends only that.
    Unset,
    /// `X-Forwarded-For`, a list.
    XForwardedFor,
    /// `Forwarded` (RFC 7239), a list.
    Forwarded,
    /// A header, in lower case, that contains one address.
    Single(String),
}

/// The address of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Not set: try this address, and run without metrics if it is in use.
    Default(SocketAddr),
    /// Set: an address in use is an error.
    Set(SocketAddr),
    /// Not served.
    Off,
}

/// The cost of one argon2id hash (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB, at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// The first administrator, used only while none has ever existed.
#[derive(Debug, Clone)]
pub struct BootstrapAdmin {
    /// The login as typed; the rules for logins are applied where the user is created.
    pub login: String,
    /// The password as typed; the rules for passwords are applied where the user is created.
    pub password: Secret<String>,
}

/// Absolute paths of the PEM files TLS is served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key of the leaf.
    pub key: PathBuf,
}
