//! What every use case works with: the database, the keys, the clock, the settings in force.
//!
//! The composition root: holds the parts and puts them together (`startup`). Holds no rule and serves
//! no request.

mod activity;
pub mod cache;
mod client_findings;
mod clock_guard;
mod common_clock;
mod disconnect;
mod gateway_warnings;
mod idempotent_forms;
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
pub use idempotent_forms::{FormResult, IdempotentForms, ManyUsers, UserLink};
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
    /// The clock that the processes on the database have in common.
    pub common_clock: CommonClock,
    /// This process among them.
    pub process: Process,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// The hash threads.
    pub hasher: PasswordHasher,
    /// What passwords of unknown login names are compared with.
    pub decoys: Decoys,
    /// The keys everything is sealed under.
    pub seal: Seals,
    /// The keyed hash under which login names and networks are counted.
    pub pseudonyms: PseudonymKey,
    /// The key of the MACs of codes; none on the command line, before a server has made it.
    pub code_key: Option<CodeKey>,
    /// The group commit of refreshes.
    pub refresher: Refresher,
    /// The shared reading of sessions.
    pub session_loader: SessionLoader,
    /// Access tokens whose signature was verified recently.
    pub verified_tokens: VerifiedTokenCache,
    /// Identity tokens for gateways that were made a moment ago.
    pub identity_tokens: IdentityTokenCache,
    /// Rate limits by network, in memory.
    pub address_limiter: AddressLimiter,
    /// The standing of networks in the queue for password hashes.
    pub standing: Standing,
    /// Log-in attempts under way in this process, by the limit they reserve at.
    pub attempt_gate: AttemptGate,
    /// What was noticed about the proxies before this server.
    pub proxy_findings: ProxyFindings,
    /// The feed of revocations, as it was signed last.
    pub revocation_feed: RevocationFeed,
    /// When the operator was last warned of a gateway.
    pub gateway_warnings: GatewayWarnings,
    /// What was wrong with requests of clients since it was last written down.
    pub client_findings: ClientFindings,
    /// Attempts to sign in that were refused and are not in the audit trail yet.
    pub refusal_log: RefusalLog,
    /// How much happened since it was last added to the database.
    pub activity: ActivityCounts,
    /// What forms of the console did.
    pub idempotent_forms: IdempotentForms,
    /// Resource servers that have fetched the public keys.
    pub jwks_fetches: JwksFetchLog,
    /// The HTTP client for notices to clients, and for documents that describe them.
    pub http_client: HttpClient,
    /// Fetches of documents of clients that are under way, and how often hosts were asked.
    pub document_fetches: DocumentFetches<Result<(), LoadError>>,
    /// What sends mail; none where mail is off.
    pub mailer: Option<Mailer>,
    /// Whether the database can be written, as far as was tried.
    pub write_probe: WriteProbe,
    /// Whether the wall clock can be trusted.
    pub watch: Mutex<Watch>,
    /// The longest the public keys were ever allowed to be cached, by any version.
    pub longest_max_age: TimeSpan,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// What sends spans, from the start of a server on that has a collector.
    #[cfg(feature = "otlp")]
    pub spans: std::sync::OnceLock<Spans>,
    /// The path of the issuer, below which everything is served.
    pub base_path: BasePath,
    /// The party that passkeys are for; none where there are none.
    pub relying_party: Option<RelyingParty>,
    /// How long tokens and sessions live.
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
    /// The present time, to be read once for each request: that of the processes on this database.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.common_clock.now()
    }

    /// The issuer, which is also the audience of tokens for Signet itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Whether the server is about to stop: readiness says no, work goes on.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Announces the end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Really reads from the database, for readiness.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read_probe(&self) -> Result<(), Fault> {
        meta::cache_version(&mut self.db.reader().await?).await.map(drop)
    }
}
