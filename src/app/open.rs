//! Opening: from settings to a working [`App`], on the first start and on every other.
//!
//! Owns the order in which things are made, so that a crash half way leaves a state the next start
//! completes: directory, lock, empty database, master key (synced before anything is sealed),
//! schema, keys. Each refusal says what is wrong, what was found and what to type.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::base::{Clock, Entropy, Secret, Span, Timestamp};
use crate::config::{Config, Database};
use crate::crypto::digest::PseudonymKey;
use crate::crypto::password::{Cost, PasswordHasher};
use crate::crypto::seal::{SealKey, Seals};
use crate::domain::key_life;
use crate::domain::session::Lifetimes;
use crate::domain::signing_key::SigningAlg;
use crate::domain::stop::{Fault, FaultKind};
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::store::lookup::Lookup;
use crate::store::refresher::Refresher;
use crate::store::{Db, meta, migrate};

use super::audiences::Audiences;
use super::clients::Clients;
use super::connect::{connect, connect_or_create, unusable};
use super::data_dir::{self, LockError};
use super::keys::{self, FirstKeys, MasterKeyFit};
use super::open_error::OpenError;
use super::{AddressLimiter, App, Believed, FamiliarNetworks, Parts, Turns, VerifierLog, policy};

/// What an [`App`] is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: makes what is missing, migrates, and keeps other servers off the directory.
    Serve,
    /// To work beside a server on what is there: makes nothing.
    Administer,
}

/// What was made on the way.
#[derive(Debug, Default, Clone)]
pub struct Created {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// The database file.
    pub database: Option<PathBuf>,
    /// The master key's file.
    pub master_key: Option<PathBuf>,
    /// The signing keys' algorithms and names.
    pub signing_keys: Vec<(SigningAlg, String)>,
}

/// An opened application.
pub struct Opened {
    /// The application.
    pub app: App,
    /// What was made.
    pub created: Created,
    /// Keeps other servers off the data directory while it lives.
    pub lock: Option<File>,
}

/// Opens the application. Must be called on the runtime that storage shall work on.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(
    config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    purpose: Purpose,
) -> Result<Opened, OpenError> {
    let mut created = Created::default();
    let lock = prepare_data_dir(&config, purpose, &mut created)?;
    let (db, made) = match purpose {
        Purpose::Serve => connect_or_create(&config).await?,
        Purpose::Administer => (connect(&config).await?, false),
    };
    let opened = open_on(db.clone(), made, config, clock, entropy, purpose, created).await;
    let (app, created) = opened.inspect_err(|_| db.abandon())?;
    Ok(Opened { app, created, lock })
}

async fn open_on(
    db: Db,
    made: bool,
    config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    purpose: Purpose,
    mut created: Created,
) -> Result<(App, Created), OpenError> {
    let now = clock.now();
    let fresh = check_schema(&db, &config, purpose).await?;
    if let (Database::Sqlite(path), true) = (&config.database, made || fresh) {
        created.database = Some(path.clone());
    }

    let master = master_key(&config, &db, purpose, fresh, &*entropy, &mut created).await?;
    let old = config.master_key_old.as_ref().map(SealKey::derive).transpose()?;
    let seal = Seals::new(SealKey::derive(&master)?, old);
    if purpose == Purpose::Serve {
        migrate::up(&db).await?;
    }
    match fit_of(&db, &seal).await? {
        MasterKeyFit::Fits | MasterKeyFit::FitsOld => {}
        MasterKeyFit::Fresh if purpose == Purpose::Serve => {
            seal_database(&db, &seal, &*entropy, now, &mut created).await?;
            if fit_of(&db, &seal).await? == MasterKeyFit::Wrong {
                return Err(wrong_master_key(&config));
            }
            // What a database begins with is in the file itself before anybody relies on it: were it
            // in the write-ahead log alone, a damaged log would look like a database nobody has used.
            db.empty_log().await?;
        }
        MasterKeyFit::Fresh => return Err(never_served(&config)),
        MasterKeyFit::Wrong => return Err(wrong_master_key(&config)),
    }

    if purpose == Purpose::Serve {
        let alg = config.signing_alg;
        let made = keys::ensure_active(&db, &seal, alg, &*entropy, now).await?;
        created.signing_keys.extend(made.map(|kid| (alg, kid)));
    }
    let pseudonyms = keys::pseudonyms(&db, &seal, purpose == Purpose::Serve).await?;
    let longest_max_age = longest_max_age(&db, purpose).await?;
    let app = assemble(config, db, clock, entropy, seal, pseudonyms, longest_max_age).await?;
    Ok((app, created))
}

fn prepare_data_dir(
    config: &Config,
    purpose: Purpose,
    created: &mut Created,
) -> Result<Option<File>, OpenError> {
    let dir = &config.data_dir;
    let needs_dir = matches!(config.database, Database::Sqlite(_)) || config.master_key.is_none();
    if purpose != Purpose::Serve || !needs_dir {
        return Ok(None);
    }
    let made = data_dir::create(dir).map_err(|error| {
        OpenError::Configuration(format!(
            "the data directory {} cannot be made: {error}.\n  Make it, or name another one in \
             SIGNET_DATA_DIR.",
            dir.display()
        ))
    })?;
    if made {
        created.data_dir = Some(dir.clone());
    }
    if !matches!(config.database, Database::Sqlite(_)) {
        return Ok(None);
    }
    match data_dir::lock(dir) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held) => Err(OpenError::TryAgain(format!(
            "another signet is serving {}.\n  One server works on a SQLite data directory at a \
             time. Stop the other one, or give this one its own SIGNET_DATA_DIR;\n  several \
             servers can share a PostgreSQL database (SIGNET_DATABASE_URL).",
            dir.display()
        ))),
        Err(LockError::Io(error)) => Err(OpenError::Configuration(format!(
            "the data directory {} cannot be written: {error}.\n  Give it to the user signet runs \
             as: chown and chmod 700 it.",
            dir.display()
        ))),
    }
}

/// Compares schemas before anything is changed. True when the database is empty.
async fn check_schema(db: &Db, config: &Config, purpose: Purpose) -> Result<bool, OpenError> {
    let status = match migrate::status(db).await {
        Ok(status) => status,
        Err(fault) => {
            return Err(match (&config.database, fault.kind) {
                (Database::Sqlite(path), FaultKind::Unavailable) => unusable(path, &fault),
                _ => OpenError::Failed(fault),
            });
        }
    };
    if status.applied > status.known {
        return Err(OpenError::Configuration(format!(
            "the database was written by a newer Signet (schema {}, this binary knows {}).\n  Use \
             that version or a newer one, or restore the backup taken before the upgrade.",
            status.applied, status.known
        )));
    }
    if purpose == Purpose::Administer && status.applied < status.known {
        if status.applied == 0 {
            return Err(never_served(config));
        }
        return Err(OpenError::Configuration(format!(
            "the database has schema {}, this binary needs {}.\n  Start `signet serve` of this \
             version once, or run `signet migrate up`.",
            status.applied, status.known
        )));
    }
    Ok(status.applied == 0)
}

fn describe(config: &Config) -> String {
    match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(_) => "the PostgreSQL database in SIGNET_DATABASE_URL".to_owned(),
    }
}

fn never_served(config: &Config) -> OpenError {
    OpenError::Configuration(format!(
        "{} has never been served, so there is nothing to work on.\n  Start `signet serve` on it \
         first, or set SIGNET_DATA_DIR to the data directory of your server.",
        describe(config)
    ))
}

fn wrong_master_key(config: &Config) -> OpenError {
    let found = match &config.master_key {
        Some(_) => "SIGNET_MASTER_KEY".to_owned(),
        None => data_dir::master_key_path(&config.data_dir).display().to_string(),
    };
    OpenError::Configuration(format!(
        "the master key in {found} is not the one {} was sealed with.\n  Restore the right key \
         from your backup, or set SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE; while the key is \
         being\n  replaced, the one before it in SIGNET_MASTER_KEY_OLD.\n  Nothing was changed.",
        describe(config)
    ))
}

/// A row that cannot be read, though the master key is right: the database is damaged.
fn damaged(found: &str, fault: Fault) -> OpenError {
    if fault.kind != FaultKind::Internal {
        return OpenError::Failed(fault);
    }
    OpenError::Configuration(format!(
        "{found} cannot be served: {fault}.\n  If it is damaged, stop every signet and restore the \
         newest backup."
    ))
}

async fn master_key(
    config: &Config,
    db: &Db,
    purpose: Purpose,
    fresh: bool,
    entropy: &dyn Entropy,
    created: &mut Created,
) -> Result<Secret<[u8; 32]>, OpenError> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    let path = data_dir::master_key_path(&config.data_dir);
    let found = data_dir::read_master_key(&config.data_dir).map_err(|error| {
        OpenError::Configuration(format!(
            "the master key {} cannot be read: {error}.\n  Restore it from your backup, or set \
             SIGNET_MASTER_KEY_FILE.",
            path.display()
        ))
    })?;
    if let Some(key) = found {
        return Ok(key);
    }
    let sealed = !fresh && keys::is_sealed(&mut db.reader().await?).await?;
    if !sealed && purpose == Purpose::Administer {
        return Err(never_served(config));
    }
    if sealed {
        return Err(OpenError::Configuration(format!(
            "{} exists, but its master key {} is missing.\n  Signet will not make a new one: \
             nothing sealed in the database could be read again.\n  Restore the file from your \
             backup, or set SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE.\n  To throw the data \
             away instead, remove the database.",
            describe(config),
            path.display()
        )));
    }
    let key = data_dir::create_master_key(&config.data_dir, entropy).map_err(|error| {
        OpenError::Configuration(format!(
            "the master key {} cannot be written: {error}.",
            path.display()
        ))
    })?;
    created.master_key = Some(path);
    Ok(key)
}

async fn fit_of(db: &Db, seal: &Seals) -> Result<MasterKeyFit, OpenError> {
    Ok(keys::fit(&mut db.reader().await?, seal).await?)
}

async fn seal_database(
    db: &Db,
    seal: &Seals,
    entropy: &dyn Entropy,
    now: Timestamp,
    created: &mut Created,
) -> Result<(), OpenError> {
    let first = FirstKeys::make(seal.newest(), entropy, now)?;
    let mut tx = db.begin().await?;
    // Two replicas may start on one empty database; the row decides whose keys it gets.
    if first.store(&mut tx, now).await? {
        created.signing_keys = first.names();
    }
    tx.commit().await?;
    Ok(())
}

/// The name of the longest time, in milliseconds, the public keys were ever allowed to be cached.
const LONGEST_MAX_AGE: &str = "jwks_max_age";

/// What caches may still hold: an older version may have allowed them more than this one does. A
/// server writes its own allowance down for later ones.
async fn longest_max_age(db: &Db, purpose: Purpose) -> Result<Span, OpenError> {
    let stored = meta::get(&mut db.reader().await?, LONGEST_MAX_AGE).await?;
    let stored = stored.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    let stored = stored.map_or(Span::ZERO, Span::from_millis);
    if stored < key_life::MAX_AGE && purpose == Purpose::Serve {
        let mut tx = db.begin().await?;
        let longest = key_life::MAX_AGE.millis().to_string();
        meta::set(&mut tx, LONGEST_MAX_AGE, longest.as_bytes()).await?;
        tx.commit().await?;
    }
    Ok(stored.max(key_life::MAX_AGE))
}

async fn assemble(
    config: Config,
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seal: Seals,
    pseudonyms: PseudonymKey,
    longest_max_age: Span,
) -> Result<App, OpenError> {
    let lifetimes = Lifetimes {
        access: config.access_token_ttl,
        idle: config.refresh_idle_ttl,
        max: config.refresh_max_ttl,
        retry_window: config.refresh_retry_window,
    };
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
    let hasher = PasswordHasher::start(
        cost,
        config.hash_workers,
        config.hash_max_wait.std(),
        Arc::clone(&entropy),
    )?;
    let mut reader = db.reader().await?;
    let cache_version = meta::cache_version(&mut reader).await?;
    let found = describe(&config);
    let damaged = |fault| damaged(&found, fault);
    let audiences = Audiences::load(&mut reader, &seal).await.map_err(damaged)?;
    let clients = Clients::load(&mut reader).await.map_err(damaged)?;
    let policy = policy(&config, &audiences, &clients, longest_max_age);
    let keyring = keys::keyring(&mut reader, &seal, config.signing_alg, &policy, None).await;
    let keyring = keyring.map_err(damaged)?;
    let refresh_keys = keys::refresh_keys(&mut reader, &seal, None).await.map_err(damaged)?;
    drop(reader);
    let refresher = Refresher::start(db.clone(), Arc::clone(&entropy), lifetimes);
    let lookup = Lookup::start(db.clone());
    Ok(App(Arc::new(Parts {
        config,
        db,
        clock,
        entropy,
        hasher,
        seal,
        pseudonyms,
        refresher,
        lookup,
        believed: Believed::default(),
        addresses: AddressLimiter::default(),
        familiar: FamiliarNetworks::default(),
        turns: Turns::default(),
        verifiers: VerifierLog::default(),
        outbound: Outbound::default(),
        watch: Mutex::default(),
        longest_max_age,
        metrics: Metrics::default(),
        lifetimes,
        keyring: ArcSwap::from_pointee(keyring),
        refresh_keys: ArcSwap::from_pointee(refresh_keys),
        audiences: ArcSwap::from_pointee(audiences),
        clients: ArcSwap::from_pointee(clients),
        cache_version: AtomicI64::new(cache_version),
        reloading: tokio::sync::Mutex::new(()),
        draining: AtomicBool::new(false),
        runtime: Handle::current(),
    })))
}
