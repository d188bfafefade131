//! What every use case works with: the database, the keys, the clock, the settings in force.
//!
//! Owns the only place where these are put together (`open`). Holds no rule and serves no request.

mod addresses;
mod audiences;
mod believed;
mod clients;
mod connect;
mod data_dir;
mod familiar;
mod hashing;
mod keys;
mod open;
mod open_error;
mod presence;
mod steady;
mod turns;
mod verifiers;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::base::{Clock, Entropy, Secret, Span, Timestamp};
use crate::config::Config;
use crate::crypto::digest::PseudonymKey;
use crate::crypto::jwt::SigningKey;
use crate::crypto::keyring::Keyring;
use crate::crypto::password::PasswordHasher;
use crate::crypto::refresh_token::RefreshKeys;
use crate::crypto::seal::Seals;
use crate::domain::client::Client;
use crate::domain::key_life::Policy;
use crate::domain::session::Lifetimes;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::steady::Watch;
use crate::domain::stop::{Fault, Stop};
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::store::apis::SealedSecret;
use crate::store::keys::StoredKey;
use crate::store::lookup::Lookup;
use crate::store::refresher::Refresher;
use crate::store::{Db, Tx, meta};

use audiences::Audiences;
use clients::Clients;

pub use addresses::{AddressLimiter, network};
pub use audiences::Audience;
pub use believed::{Believed, Genuine};
pub use connect::connect;
pub use familiar::FamiliarNetworks;
pub use hashing::NotHashed;
pub use keys::MadeKey;
pub use open::{Created, Opened, Purpose, open};
pub use open_error::OpenError;
pub use turns::{Turns, Undecided};
pub use verifiers::{Fetcher, VerifierLog};

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
    /// The keys everything is sealed under.
    pub seal: Seals,
    /// The keyed hash under which logins and networks are counted.
    pub pseudonyms: PseudonymKey,
    /// The group commit of refreshes.
    pub refresher: Refresher,
    /// The shared reading of sessions.
    pub lookup: Lookup,
    /// Access tokens whose signature was found good.
    pub believed: Believed,
    /// Limits by address, in memory.
    pub addresses: AddressLimiter,
    /// Networks somebody has logged in from, in memory.
    pub familiar: FamiliarNetworks,
    /// Tries at accounts under way in this process.
    pub turns: Turns,
    /// Who has fetched the public keys.
    pub verifiers: VerifierLog,
    /// The way out to clients.
    pub outbound: Outbound,
    /// Whether the wall clock can be believed.
    pub watch: Mutex<Watch>,
    /// The longest the public keys were ever allowed to be cached, by any version.
    pub longest_max_age: Span,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// How long things live.
    pub lifetimes: Lifetimes,
    keyring: ArcSwap<Keyring>,
    refresh_keys: ArcSwap<RefreshKeys>,
    audiences: ArcSwap<Audiences>,
    clients: ArcSwap<Clients>,
    cache_version: AtomicI64,
    reloading: tokio::sync::Mutex<()>,
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
    /// Runs a unit of work to its end, whatever becomes of the caller: a client that hangs up, or a
    /// time-out, must not leave a transaction half way. Only a wait that comes before every write may
    /// end with the caller, as `presence` tells.
    ///
    /// It begins on the caller's thread: what needs nobody else is done without a hop to another. As
    /// soon as it has to wait it moves to the storage runtime, before the caller can be cut off.
    ///
    /// # Errors
    /// What the work stopped with; unavailable when it took too long; internal when it panicked.
    pub fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T, Stop>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Stop>> + Send + 'static,
    {
        // Boxed here, once: the states of a use case are thousands of bytes, and each move would copy
        // them.
        let (present, presence) = presence::begin();
        let work = Box::pin(presence::scope(presence, work));
        let runtime = self.runtime.clone();
        async move {
            // Held until there is an answer; gone with this future when the caller goes first.
            let _present = present;
            let task = match begin(&runtime, work) {
                Begun::Done(outcome) => return outcome,
                Begun::Waits(work) => runtime.spawn(work),
            };
            match tokio::time::timeout(WORK_LIMIT, task).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => {
                    Err(Fault::internal("a unit of work panicked").because(error).into())
                }
                Err(_) => Err(Fault::unavailable("a unit of work took too long").into()),
            }
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

    /// The registered client of this name, unless it is disabled.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        self.clients.load().get(client_id).filter(|client| client.disabled_at.is_none())
    }

    /// The same, asking the database once more before it says none: perhaps another process has
    /// registered the client within the last second.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn client_now(&self, client_id: &str) -> Result<Option<Arc<Client>>, Fault> {
        if let Some(known) = self.client(client_id) {
            return Ok(Some(known));
        }
        self.reload_if_changed().await?;
        Ok(self.client(client_id))
    }

    /// Which reading of keys, APIs and clients is in force: what was concluded from another one has to
    /// be concluded anew.
    #[must_use]
    pub fn cache_version(&self) -> i64 {
        self.cache_version.load(Ordering::Acquire)
    }

    /// Whether scripts of this origin may ask us: it belongs to a registered client.
    #[must_use]
    pub fn is_client_origin(&self, origin: &str) -> bool {
        self.clients.load().has_origin(origin)
    }

    /// Whether any client wants to be told that sessions have ended.
    #[must_use]
    pub fn any_client_to_tell(&self) -> bool {
        self.clients.load().any_to_tell()
    }

    /// A new secret for the API with this row id: sealed for storage in this transaction, and as it
    /// is handed over once.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn new_shared_secret(
        &self,
        tx: &mut Tx,
        api: Uuid,
    ) -> Result<(SealedSecret, Secret<String>), Fault> {
        let seal = keys::in_force(tx, &self.seal).await?;
        audiences::new_secret(seal, &*self.entropy, api)
    }

    /// What the operator, the registered APIs and clients want of the signing keys.
    #[must_use]
    pub fn key_policy(&self) -> Policy {
        policy(&self.config, &self.audiences.load(), &self.clients.load(), self.longest_max_age)
    }

    /// The longest life of any access token that is issued now.
    #[must_use]
    pub fn longest_access_ttl(&self) -> Span {
        let longest = self.audiences.load().longest_access_ttl(self.lifetimes.access);
        self.clients.load().longest_access_ttl(longest)
    }

    /// Makes a signing key, off the request's path: RSA takes a tenth of a second.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub async fn make_signing_key(
        &self,
        alg: SigningAlg,
        state: KeyState,
        now: Timestamp,
    ) -> Result<MadeKey, Fault> {
        let made = self.runtime.spawn_blocking(move || MadeKey::new(alg, state, now));
        made.await.map_err(|error| Fault::internal("making a signing key").because(error))?
    }

    /// The form in which a signing key is stored in this transaction.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn seal_key(&self, tx: &mut Tx, made: &MadeKey) -> Result<StoredKey, Fault> {
        made.sealed(keys::in_force(tx, &self.seal).await?)
    }

    /// The parsed form of a stored key, published or not; none when its seal does not open.
    #[must_use]
    pub fn parsed_key(&self, stored: &StoredKey) -> Option<Arc<SigningKey>> {
        let published = self.keyring.load().parsed(&stored.facts.kid);
        published.or_else(|| keys::retired(&self.seal, stored).map(Arc::new))
    }

    /// Seals everything under the newest master key. True when there was anything to do.
    ///
    /// # Errors
    /// When something opens with neither key; then nothing was changed.
    pub async fn rewrap(&self, tx: &mut Tx) -> Result<bool, Fault> {
        if !keys::rewrap(tx, &self.seal).await? {
            return Ok(false);
        }
        audiences::rewrap(tx, &self.seal).await?;
        Ok(true)
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

    /// Reads APIs, clients and keys again if somebody changed them. Called every second.
    ///
    /// # Errors
    /// When the database cannot be read; what is in memory stays in force.
    pub async fn reload_if_changed(&self) -> Result<(), Fault> {
        let mut reader = self.db.reader().await?;
        let version = meta::cache_version(&mut reader).await?;
        if version == self.cache_version.load(Ordering::Acquire) {
            return Ok(());
        }
        drop(reader);
        // One at a time: an older reading must not take the place of a newer one.
        let _turn = self.reloading.lock().await;
        let mut reader = self.db.reader().await?;
        // The version is read first: a change that comes in between is seen the next time.
        let version = meta::cache_version(&mut reader).await?;
        if version == self.cache_version.load(Ordering::Acquire) {
            return Ok(());
        }
        let audiences = Audiences::load(&mut reader, &self.seal).await?;
        let clients = Clients::load(&mut reader).await?;
        let policy = policy(&self.config, &audiences, &clients, self.longest_max_age);
        let (alg, before) = (self.config.signing_alg, self.keyring.load_full());
        let keyring = keys::keyring(&mut reader, &self.seal, alg, &policy, Some(&before)).await?;
        let before = self.refresh_keys.load_full();
        let refresh_keys = keys::refresh_keys(&mut reader, &self.seal, Some(&before)).await?;
        // Keys before those who sign with them.
        self.keyring.store(Arc::new(keyring));
        self.refresh_keys.store(Arc::new(refresh_keys));
        self.audiences.store(Arc::new(audiences));
        self.clients.store(Arc::new(clients));
        self.cache_version.store(version, Ordering::Release);
        Ok(())
    }
}

/// How far a unit of work came on the caller's thread.
enum Begun<T> {
    Done(Result<T, Stop>),
    Waits(Pin<Box<dyn Future<Output = Result<T, Stop>> + Send>>),
}

/// Takes the first step. Inside the runtime, so that timers and tasks it makes are that one's.
fn begin<T: 'static>(
    runtime: &Handle,
    mut work: Pin<Box<dyn Future<Output = Result<T, Stop>> + Send>>,
) -> Begun<T> {
    let step = catch_unwind(AssertUnwindSafe(|| {
        let _inside = runtime.enter();
        // Nobody has to be woken: whoever waits is asked again at once, by the task it moves to.
        work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    match step {
        Ok(Poll::Ready(outcome)) => Begun::Done(outcome),
        Ok(Poll::Pending) => Begun::Waits(work),
        Err(_) => Begun::Done(Err(Fault::internal("a unit of work panicked").into())),
    }
}

/// How long a key is published after the last token it signed has expired.
const KEEP_KEYS: Span = Span::from_mins(60);
/// How long to wait for known verifiers that have not fetched a key which could sign.
const WAIT_FOR_VERIFIERS: Span = Span::from_days(1);

fn policy(
    config: &Config,
    audiences: &Audiences,
    clients: &Clients,
    longest_max_age: Span,
) -> Policy {
    // ES256 and RS256 are published from the first start: no verifier drops a set because of them.
    let mut wanted = vec![SigningAlg::Es256, SigningAlg::Rs256];
    for alg in audiences.algorithms().chain(clients.algorithms()).chain([config.signing_alg]) {
        if !wanted.contains(&alg) {
            wanted.push(alg);
        }
    }
    Policy {
        rotate_every: config.key_rotation,
        publish_ahead: config.key_publish_ahead,
        keep_after: KEEP_KEYS,
        wait_at_most: WAIT_FOR_VERIFIERS,
        longest_max_age,
        wanted,
    }
}
