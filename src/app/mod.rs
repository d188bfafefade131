//! What every use case works with: the database, the keys, the clock, the settings in force.
//!
//! Owns the only place where these are put together (`open`). Holds no rule and serves no request.

mod addresses;
mod audiences;
mod connect;
mod data_dir;
mod keys;
mod open;
mod open_error;
mod turns;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::base::{Clock, Entropy, Secret, Timestamp};
use crate::config::Config;
use crate::crypto::keyring::Keyring;
use crate::crypto::password::PasswordHasher;
use crate::crypto::refresh_token::RefreshKeys;
use crate::crypto::seal::SealKey;
use crate::domain::session::Lifetimes;
use crate::domain::stop::{Fault, Stop};
use crate::metrics::Metrics;
use crate::store::apis::SealedSecret;
use crate::store::refresher::Refresher;
use crate::store::{Db, meta};

use audiences::Audiences;

pub use addresses::{AddressLimiter, network};
pub use audiences::Audience;
pub use connect::connect;
pub use open::{Created, Opened, Purpose, open};
pub use open_error::OpenError;
pub use turns::{Turns, Undecided};

/// How long any unit of work may take before its caller is told to come back. The work itself goes
/// on: it is never cut off in the middle.
const WORK_LIMIT: Duration = Duration::from_secs(10);

/// Everything a use case needs, cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The settings in force.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// The hash threads.
    pub hasher: PasswordHasher,
    /// The key everything is sealed under.
    pub seal: SealKey,
    /// The group commit of refreshes.
    pub refresher: Refresher,
    /// Limits by address, in memory.
    pub addresses: AddressLimiter,
    /// Tries at accounts under way in this process.
    pub turns: Turns,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// How long things live.
    pub lifetimes: Lifetimes,
    keyring: ArcSwap<Keyring>,
    refresh_keys: ArcSwap<RefreshKeys>,
    audiences: ArcSwap<Audiences>,
    cache_version: AtomicI64,
    draining: AtomicBool,
    runtime: Handle,
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Runs a unit of work to its end on the storage runtime, whatever becomes of the caller: a
    /// client that hangs up, or a time-out, must not leave a transaction half way.
    ///
    /// # Errors
    /// What the work stopped with; unavailable when it took too long; internal when it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Stop>> + Send + 'static,
    ) -> Result<T, Stop> {
        let task = self.runtime.spawn(work);
        match tokio::time::timeout(WORK_LIMIT, task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(Fault::internal("a unit of work panicked").because(error).into()),
            Err(_) => Err(Fault::unavailable("a unit of work took too long").into()),
        }
    }

    /// The present time, to be read once for each request.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The issuer, which is also the audience of tokens for Signet itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// The signing keys in force.
    #[must_use]
    pub fn keyring(&self) -> arc_swap::Guard<Arc<Keyring>> {
        self.keyring.load()
    }

    /// The keys that vouch for refresh tokens.
    #[must_use]
    pub fn refresh_keys(&self) -> arc_swap::Guard<Arc<RefreshKeys>> {
        self.refresh_keys.load()
    }

    /// Whom a token can be for: the registered API with this identifier, without one the issuer.
    #[must_use]
    pub fn audience(&self, identifier: Option<&str>) -> Option<Arc<Audience>> {
        self.audiences.load().get(identifier)
    }

    /// The same, asking the database once more before it says none: perhaps another process has
    /// registered the API within the last second.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audience_now(
        &self,
        identifier: Option<&str>,
    ) -> Result<Option<Arc<Audience>>, Fault> {
        if let Some(known) = self.audience(identifier) {
            return Ok(Some(known));
        }
        self.reload_if_changed().await?;
        Ok(self.audience(identifier))
    }

    /// A new secret for the API with this row id: sealed for storage, and as it is handed over once.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn new_shared_secret(&self, api: Uuid) -> Result<(SealedSecret, Secret<String>), Fault> {
        audiences::new_secret(&self.seal, &*self.entropy, api)
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

    /// Reads APIs and keys again if somebody changed them. Called every second.
    ///
    /// # Errors
    /// When the database cannot be read; what is in memory stays in force.
    pub async fn reload_if_changed(&self) -> Result<(), Fault> {
        let mut reader = self.db.reader().await?;
        let version = meta::cache_version(&mut reader).await?;
        if version == self.cache_version.load(Ordering::Acquire) {
            return Ok(());
        }
        // The version is read first: a change that comes in between is seen the next time.
        let audiences = Audiences::load(&mut reader, &self.seal).await?;
        let keyring = keys::keyring(&mut reader, &self.seal, self.config.signing_alg).await?;
        let refresh_keys = keys::refresh_keys(&mut reader, &self.seal).await?;
        // Keys before those who sign with them.
        self.keyring.store(Arc::new(keyring));
        self.refresh_keys.store(Arc::new(refresh_keys));
        self.audiences.store(Arc::new(audiences));
        self.cache_version.store(version, Ordering::Release);
        Ok(())
    }
}
