//! The application state that every use case works with: database, keys, clock, settings.
//!
//! This is the composition root, which assembles the parts (`startup`). It has no rules and serves no requests.

mod activity;
pub mod cache;
mod client_findings;
mod clock_guard;
mod common_clock;
mod disconnect;
mod gateway_warnings;
mod idempotent_forms;
pub mod issuer_keys;
mod jwks_fetch_log;
mod keys;
pub mod limits;
pub mod outbox;
mod password_hashing;
mod process;
mod proxy_findings;
pub mod refusal_log;
pub mod revocation_feed;
pub mod sealed_state;
pub mod startup;
mod transaction;
mod unit_of_work;
mod write_probe;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;

use crate::base::{Clock, Entropy, TimeSpan, Timestamp};
use crate::config::Config;
use crate::crypto::digest::{CodeKey, PseudonymKey};
use crate::crypto::password::{Decoys, PasswordHasher};
use crate::crypto::seal::Seals;
use crate::crypto::webauthn::RelyingParty;
use crate::domain::base_path::BasePath;
use crate::domain::clock_skew::Watch;
use crate::domain::outcome::Fault;
use crate::domain::session::Lifetimes;
use crate::http_client::HttpClient;
use crate::mail::Mailer;
use crate::metrics::Metrics;
#[cfg(feature = "otlp")]
use crate::spans::Spans;
use crate::store::refresh_batch::Refresher;
use crate::store::session_loader::SessionLoader;
use crate::store::{Db, meta};

use activity::ActivityCounts;
use cache::{Caches, IdentityTokenCache, VerifiedTokenCache};
use client_findings::ClientFindings;
use common_clock::CommonClock;
use gateway_warnings::GatewayWarnings;
pub use idempotent_forms::{BulkResult, FormResult, IdempotentForms, UserLink};
use issuer_keys::IssuerKeys;
use limits::{AddressLimiter, AttemptGate, DocumentFetches, LoadError, Standing};
use process::Process;
use proxy_findings::ProxyFindings;
use refusal_log::RefusalLog;
use revocation_feed::RevocationFeed;

#[cfg(feature = "test-support")]
pub use jwks_fetch_log::MAX_UNKNOWN_OF_NETWORK;
pub use jwks_fetch_log::{Fetcher, JwksFetchLog, MAX_UNKNOWN};
pub use keys::MadeKey;
pub use password_hashing::PasswordNotHashed;
pub use process::differing_settings;
pub use proxy_findings::ProxyFinding;
pub use transaction::{AuditedTx, Runs};
use write_probe::WriteProbe;

/// Everything a use case needs, cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppState>);

/// The parts of an [`App`].
pub struct AppState {
    /// The settings in force.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The clock of this machine. Times that are stored come from `common_clock`.
    pub clock: Arc<dyn Clock>,
    /// The clock that all processes on the database share.
    pub common_clock: CommonClock,
    /// This process.
    pub process: Process,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// The hash threads.
    pub hasher: PasswordHasher,
    /// The hashes with which passwords of unknown login names are compared.
    pub decoys: Decoys,
    /// The master keys.
    pub seal: Seals,
    /// The keyed hash under which login names and networks are counted.
    pub pseudonyms: PseudonymKey,
    /// The key of the MACs of codes; `None` on the command line before a server has created it.
    pub code_key: Option<CodeKey>,
    /// The group commit of refreshes.
    pub refresher: Refresher,
    /// The batched reads of sessions.
    pub session_loader: SessionLoader,
    /// Access tokens whose signature was verified recently.
    pub verified_tokens: VerifiedTokenCache,
    /// Recent identity tokens for gateways.
    pub identity_tokens: IdentityTokenCache,
    /// Rate limits by network, in memory.
    pub address_limiter: AddressLimiter,
    /// The standing of networks in the queue for password hashes.
    pub standing: Standing,
    /// Log-in attempts in progress in this process, by limit.
    pub attempt_gate: AttemptGate,
    /// Findings about the proxies in front of this server.
    pub proxy_findings: ProxyFindings,
    /// The last signed revocation feed.
    pub revocation_feed: RevocationFeed,
    /// Recent warnings about gateways.
    pub gateway_warnings: GatewayWarnings,
    /// Findings about requests of clients that are not stored yet.
    pub client_findings: ClientFindings,
    /// Refused sign-in attempts that are not in the audit trail yet.
    pub refusal_log: RefusalLog,
    /// Counts of events that are not in the database yet.
    pub activity: ActivityCounts,
    /// Results of forms of the console.
    pub idempotent_forms: IdempotentForms,
    /// Resource servers that have fetched the public keys.
    pub jwks_fetches: JwksFetchLog,
    /// The cached keys of trusted issuers.
    pub issuer_keys: IssuerKeys,
    /// The HTTP client for notices to clients, and for documents of clients and keys of issuers.
    pub http_client: HttpClient,
    /// Fetches of client documents in progress, and their limits.
    pub document_fetches: DocumentFetches<Result<(), LoadError>>,
    /// The mailer, if mail is set up.
    pub mailer: Option<Mailer>,
    /// Whether the database can be written.
    pub write_probe: WriteProbe,
    /// Whether the wall clock can be trusted.
    pub watch: Mutex<Watch>,
    /// The longest time for which any version has allowed the public keys to be cached.
    pub longest_max_age: TimeSpan,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// The exporter of spans, in a server with a collector.
    #[cfg(feature = "otlp")]
    pub spans: std::sync::OnceLock<Spans>,
    /// The path of the issuer, which is the root of all routes.
    pub base_path: BasePath,
    /// The relying party of passkeys; `None` if there are no passkeys.
    pub relying_party: Option<RelyingParty>,
    /// The lifetimes of tokens and sessions.
    pub lifetimes: Lifetimes,
    caches: Caches,
    draining: AtomicBool,
    runtime: Handle,
}

impl std::ops::Deref for App {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    /// The current time of all processes on this database. Read it once per request.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.common_clock.now()
    }

    /// The issuer, which is also the audience of tokens for Signet itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Whether the server is about to stop: it is no longer ready but still works.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Announces the shutdown.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Reads from the database, for readiness.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read_probe(&self) -> Result<(), Fault> {
        meta::cache_version(&mut self.db.reader().await?).await.map(drop)
    }
}
