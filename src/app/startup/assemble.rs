//! Assembles the parts of an application.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;

use crate::base::Entropy;
use crate::config::Config;
use crate::crypto::password::{Cost, Decoys, PasswordHasher};
use crate::crypto::seal::Seals;
use crate::domain::base_path::BasePath;
use crate::domain::outcome::{Fault, FaultKind};
use crate::domain::session::Lifetimes;
use crate::http_client::HttpClient;
use crate::mail::Mailer;
use crate::metrics::{Metrics, Sources};
use crate::store::refresh_batch::Refresher;
use crate::store::session_loader::SessionLoader;
use crate::store::{Db, meta};

use super::relying_party::relying_party;
use super::schema::longest_max_age;
use super::{OpenError, Startup};
use crate::app::activity::ActivityCounts;
use crate::app::cache::{Caches, IdentityTokenCache, VerifiedTokenCache};
use crate::app::client_findings::ClientFindings;
use crate::app::common_clock::CommonClock;
use crate::app::gateway_warnings::GatewayWarnings;
use crate::app::issuer_keys::IssuerKeys;
use crate::app::limits::{AddressLimiter, AttemptGate, DocumentFetches, Standing};
use crate::app::process::Process;
use crate::app::proxy_findings::ProxyFindings;
use crate::app::refusal_log::RefusalLog;
use crate::app::revocation_feed::RevocationFeed;
use crate::app::{App, AppState, IdempotentForms, JwksFetchLog, keys, write_probe};

impl Startup {
    /// Assembles the parts for an open database, and fills the cache.
    pub(super) async fn assemble(
        self,
        db: Db,
        seal: Seals,
        common_clock: CommonClock,
    ) -> Result<App, OpenError> {
        let pseudonyms = keys::pseudonyms(&db, &seal, self.serves()).await?;
        let code_key = keys::code_key(&db, &seal, &*self.entropy, self.serves()).await?;
        let longest_max_age = longest_max_age(&db, self.purpose).await?;
        let found = self.describe_database();
        let issuer = self.issuer(&db).await?;
        let Self { mut config, clock, entropy, purpose } = self;
        config.issuer = issuer;
        let relying_party = relying_party(&config, &db, purpose).await?;
        let base_path = BasePath::of(&config.issuer, config.proxy_strips_path);
        db.last_write().tell_time(Arc::clone(&clock));
        let lifetimes = Lifetimes {
            access: config.access_token_ttl,
            idle: config.refresh_idle_ttl,
            max: config.refresh_max_ttl,
            retry_window: config.refresh_retry_window,
        };
        let hasher = start_hasher(&config, &entropy)?;
        let decoys = Decoys::new(hasher.cost(), Arc::clone(&entropy));
        let mut reader = db.reader().await?;
        let versions = meta::cache_versions(&mut reader).await?;
        let caches = Caches::load(&mut reader, versions, &seal, &config, longest_max_age).await;
        let caches = caches.map_err(|fault| damaged(&found, fault))?;
        drop(reader);
        let refresher = Refresher::start(db.clone(), Arc::clone(&entropy), lifetimes);
        let session_loader = SessionLoader::start(db.clone());
        let http_client = http_client(&config);
        let mailer = Mailer::new(&config);
        let address_limiter = AddressLimiter::new(Arc::clone(&clock));
        let standing = Standing::new(Arc::clone(&clock));
        let process = Process::new(&config, &db, &*entropy, common_clock.now());
        let metrics = Metrics::new(&Sources {
            database: db.metrics(),
            hashing: hasher.durations(),
            by_client: config.metrics_by_client,
            started_at: clock.now(),
        });
        let app = App(Arc::new(AppState {
            config,
            db,
            clock,
            common_clock,
            process,
            entropy,
            hasher,
            decoys,
            seal,
            pseudonyms,
            code_key,
            refresher,
            session_loader,
            verified_tokens: VerifiedTokenCache::default(),
            identity_tokens: IdentityTokenCache::default(),
            address_limiter,
            standing,
            attempt_gate: AttemptGate::default(),
            proxy_findings: ProxyFindings::default(),
            gateway_warnings: GatewayWarnings::default(),
            revocation_feed: RevocationFeed::default(),
            client_findings: ClientFindings::default(),
            refusal_log: RefusalLog::default(),
            activity: ActivityCounts::default(),
            idempotent_forms: IdempotentForms::default(),
            jwks_fetches: JwksFetchLog::default(),
            issuer_keys: IssuerKeys::default(),
            http_client,
            document_fetches: DocumentFetches::default(),
            mailer,
            write_probe: write_probe::WriteProbe::default(),
            watch: Mutex::default(),
            longest_max_age,
            metrics,
            #[cfg(feature = "otlp")]
            spans: std::sync::OnceLock::new(),
            base_path,
            relying_party,
            lifetimes,
            caches,
            draining: AtomicBool::new(false),
            runtime: Handle::current(),
        }));
        app.follow_stored_costs().await.map_err(OpenError::Failed)?;
        Ok(app)
    }
}

fn http_client(config: &Config) -> HttpClient {
    let client = HttpClient::new(config.deadlines);
    #[cfg(feature = "test-support")]
    if let Some(file) = &config.stand_in {
        return client.standing_in(file);
    }
    client
}

fn start_hasher(config: &Config, entropy: &Arc<dyn Entropy>) -> Result<PasswordHasher, Fault> {
    let cost = Cost {
        memory_kib: config.argon2.memory_kib,
        iterations: config.argon2.iterations,
        parallelism: config.argon2.parallelism,
    };
    tracing::debug!(
        cores = config.machine.cores,
        memory_limit = config.machine.memory,
        workers = config.hash_workers,
        memory = (config.hash_workers as u64) * u64::from(cost.memory_kib) * 1024,
        "password hashing"
    );
    let wait = config.hash_max_wait.std();
    PasswordHasher::start(cost, config.hash_workers, wait, Arc::clone(entropy))
}

/// A row cannot be read although the master key is right: the database is damaged.
fn damaged(found: &str, fault: Fault) -> OpenError {
    if fault.kind != FaultKind::Internal {
        return OpenError::Failed(fault);
    }
    OpenError::Configuration(format!(
        "{found} cannot be served: {fault}.\n  If it is damaged, stop every signet and restore the \
         newest backup."
    ))
}
