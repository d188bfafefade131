//! Opens a working [`App`] from the settings.
//!
//! Owns the order of creation, so that the next start completes what a crash interrupted: directory, lock, empty
//! database, schema, master key (synced before anything is sealed), keys. Each refusal names the problem, what was
//! found and what to do.

mod assemble;
mod chosen_issuer;
mod compact;
mod connect;
mod data_dir;
mod error;
mod explain;
mod first_start;
mod master_key;
mod permissions;
mod relying_party;
mod rights;
mod running;
mod schema;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Clock, Entropy, Timestamp};
use crate::config::{Config, Database};
use crate::crypto::seal::{SealKey, Seals};
use crate::domain::signing_key::SigningAlg;
use crate::store::{Db, migrate};

use super::App;
use super::common_clock::CommonClock;
use super::keys::{self, MasterKeyFit};
use connect::connect_or_create;
use data_dir::LockError;

pub use compact::{Compacted, compact};
pub use connect::{connect, wait_for_database};
pub use data_dir::{create as create_directory, lock_out};
pub use error::OpenError;
pub use explain::explain;
pub use master_key::{fits, master_keys};
pub use permissions::exposure;
pub use running::{differing_settings, is_new_installation};
pub use schema::check_encoding;

/// The purpose of opening an [`App`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenPurpose {
    /// To serve: creates what is missing, migrates, and locks out other servers.
    Serve,
    /// The same, with a new database although a master key of an earlier start exists. Refused if there is a
    /// database.
    ServeNewDatabase,
    /// To work beside a server on what exists: creates nothing.
    Administer,
}

/// The resources that the start created.
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
    /// The created resources.
    pub created: Created,
    /// The lock on the data directory, held while this lives.
    pub lock: Option<File>,
}

/// The parameters of a start.
pub struct Startup {
    /// The settings.
    pub config: Config,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// The purpose of opening the application.
    pub purpose: OpenPurpose,
}

impl Startup {
    /// Opens the application. Must be called on the storage runtime.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(self) -> Result<Opened, OpenError> {
        let mut created = Created::default();
        self.check_files()?;
        let lock = self.prepare_data_dir(&mut created)?;
        if self.serves() {
            for warning in permissions::narrow(&self.config)?.warnings {
                tracing::warn!("{warning}");
            }
        }
        let (db, made) = match self.purpose {
            OpenPurpose::Serve | OpenPurpose::ServeNewDatabase => {
                connect_or_create(&self.config).await?
            }
            OpenPurpose::Administer => (connect(&self.config).await?, false),
        };
        if let (Database::Sqlite(path), true) = (&self.config.database, made) {
            created.database = Some(path.clone());
        }
        let database = self.config.database.clone();
        match self.open_on(db.clone(), created).await {
            Ok((app, created)) => Ok(Opened { app, created, lock }),
            Err(error) => {
                let error = explain(&database, &db, error).await;
                db.abandon();
                Err(error)
            }
        }
    }

    async fn open_on(self, db: Db, mut created: Created) -> Result<(App, Created), OpenError> {
        let (seal, clock) = self.prepare(&db, &mut created).await?;
        Ok((self.assemble(db, seal, clock).await?, created))
    }

    /// Prepares the database: schema, master key, keys.
    async fn prepare(
        &self,
        db: &Db,
        created: &mut Created,
    ) -> Result<(Seals, CommonClock), OpenError> {
        let serves = self.serves();
        self.check_server(db).await?;
        let clock = CommonClock::start(Arc::clone(&self.clock), db).await?;
        let now = clock.now();
        let fresh = self.check_schema(db).await?;
        if let (Database::Sqlite(path), true) = (&self.config.database, fresh) {
            created.database = Some(path.clone());
        }
        let sealed = self.check_sealed(db, fresh).await?;
        let found = self.find_master_key(sealed)?;
        if serves {
            migrate::up(db).await?;
        }
        // Created last, so that a start that failed earlier leaves no master key behind.
        let master = match found {
            Some(key) => key,
            None => self.create_master_key(created)?,
        };
        let old = self.config.master_key_old.as_ref().map(SealKey::derive).transpose()?;
        let seal = Seals::new(SealKey::derive(&master)?, old);
        self.check_master_key(db, &seal, now, created).await?;
        if serves {
            let alg = self.config.signing_alg;
            let made = keys::ensure_active(db, &seal, alg, &*self.entropy, now).await?;
            created.signing_keys.extend(made.map(|kid| (alg, kid)));
        }
        Ok((seal, clock))
    }

    /// Checks that the database is sealed under an available master key; a server seals a new one.
    async fn check_master_key(
        &self,
        db: &Db,
        seal: &Seals,
        now: Timestamp,
        created: &mut Created,
    ) -> Result<(), OpenError> {
        match fit_of(db, seal).await? {
            MasterKeyFit::Fits | MasterKeyFit::FitsOld => {}
            MasterKeyFit::Fresh if self.serves() => {
                self.seal_database(db, seal, now, created).await?;
                if fit_of(db, seal).await? == MasterKeyFit::Wrong {
                    return Err(self.wrong_master_key());
                }
                // Checkpoints the first rows into the database file before anything relies on them. If they were in
                // the write-ahead log alone, a damaged log would look like an unused database.
                db.empty_log().await?;
            }
            MasterKeyFit::Fresh => return Err(self.never_served()),
            MasterKeyFit::Wrong => return Err(self.wrong_master_key()),
        }
        Ok(())
    }

    fn serves(&self) -> bool {
        self.purpose != OpenPurpose::Administer
    }

    /// The database for messages to the operator.
    fn describe_database(&self) -> String {
        match &self.config.database {
            Database::Sqlite(path) => path.display().to_string(),
            Database::Postgres(_) => "the PostgreSQL database in SIGNET_DATABASE_URL".to_owned(),
        }
    }

    fn prepare_data_dir(&self, created: &mut Created) -> Result<Option<File>, OpenError> {
        let dir = &self.config.data_dir;
        let needs_dir =
            matches!(self.config.database, Database::Sqlite(_)) || self.config.master_key.is_none();
        if !self.serves() || !needs_dir {
            return Ok(None);
        }
        let made = data_dir::create(dir).map_err(|error| {
            OpenError::of_file(
                &format!("the data directory {} cannot be created", dir.display()),
                &error,
                "Create it, or name another one in SIGNET_DATA_DIR.",
            )
        })?;
        if made {
            created.data_dir = Some(dir.clone());
        }
        if !matches!(self.config.database, Database::Sqlite(_)) {
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
            Err(LockError::Io(error)) => Err(OpenError::of_file(
                &format!("the data directory {} cannot be written", dir.display()),
                &error,
                "Give it to the user signet runs as: chown and chmod 700 it.",
            )),
        }
    }
}

async fn fit_of(db: &Db, seal: &Seals) -> Result<MasterKeyFit, OpenError> {
    Ok(keys::fit(&mut db.reader().await?, seal).await?)
}
