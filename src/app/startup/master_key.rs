//! The master key of a start: found, created once, or refused.

use crate::base::{Secret, Timestamp};
use crate::config::Config;
use crate::crypto::seal::{SealKey, Seals};
use crate::store::Db;

use super::{Created, OpenError, Startup, data_dir, fit_of};
use crate::app::keys::{FirstKeys, MasterKeyFit};

/// The master keys of the settings and the data directory, the one in force first.
///
/// # Errors
/// When there is none, or its file cannot be read.
pub fn master_keys(config: &Config) -> Result<Vec<Secret<[u8; 32]>>, OpenError> {
    let path = data_dir::master_key_path(&config.data_dir);
    let key = match &config.master_key {
        Some(key) => Some(key.clone()),
        None => data_dir::read_master_key(&config.data_dir).map_err(|error| {
            OpenError::Configuration(format!(
                "the master key {} cannot be read: {error}.",
                path.display()
            ))
        })?,
    };
    let key = key.ok_or_else(|| {
        OpenError::Configuration(format!(
            "there is no master key: no file {}, and no SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE.\n  A backup \
             does not hold it. Bring the key of the server that the backup was made on.",
            path.display()
        ))
    })?;
    Ok([Some(key), config.master_key_old.clone()].into_iter().flatten().collect())
}

/// Whether a database was sealed with this master key.
///
/// # Errors
/// When it cannot be read.
pub async fn fits(db: &Db, key: &Secret<[u8; 32]>) -> Result<bool, OpenError> {
    let seals = Seals::new(SealKey::derive(key)?, None);
    Ok(fit_of(db, &seals).await? == MasterKeyFit::Fits)
}

impl Startup {
    /// The master key, if there is one; `None` if a server is to create it.
    pub(super) fn find_master_key(
        &self,
        sealed: bool,
    ) -> Result<Option<Secret<[u8; 32]>>, OpenError> {
        if let Some(key) = &self.config.master_key {
            return Ok(Some(key.clone()));
        }
        let path = data_dir::master_key_path(&self.config.data_dir);
        let found = data_dir::read_master_key(&self.config.data_dir).map_err(|error| {
            OpenError::Configuration(format!(
                "the master key {} cannot be read: {error}.\n  Restore it from your backup, or set \
             SIGNET_MASTER_KEY_FILE.",
                path.display()
            ))
        })?;
        if found.is_some() {
            return Ok(found);
        }
        if !sealed && !self.serves() {
            return Err(self.never_served());
        }
        if sealed {
            return Err(OpenError::Configuration(format!(
                "{} exists, but its master key {} is missing.\n  Signet does not create a new one: nothing sealed in \
                 the database could be read again.\n  Restore the file from your \
             backup, or set SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE.\n  To discard the data instead, remove the database.",
                self.describe_database(),
                path.display()
            )));
        }
        Ok(None)
    }

    pub(super) fn create_master_key(
        &self,
        created: &mut Created,
    ) -> Result<Secret<[u8; 32]>, OpenError> {
        let path = data_dir::master_key_path(&self.config.data_dir);
        let key = data_dir::create_master_key(&self.config.data_dir, &*self.entropy).map_err(
            |error| {
                OpenError::of_file(
                    &format!("the master key {} cannot be written", path.display()),
                    &error,
                    "Give the data directory to the user signet runs as: chown and chmod 700 it.",
                )
            },
        )?;
        created.master_key = Some(path);
        Ok(key)
    }

    pub(super) async fn seal_database(
        &self,
        db: &Db,
        seal: &Seals,
        now: Timestamp,
        created: &mut Created,
    ) -> Result<(), OpenError> {
        let first = FirstKeys::make(seal.newest(), &*self.entropy, now)?;
        let mut tx = db.begin().await?;
        // Two replicas may start on one empty database. The row decides whose keys are stored.
        if first.store(&mut tx, now).await? {
            created.signing_keys = first.names();
        }
        tx.commit().await?;
        Ok(())
    }

    pub(super) fn never_served(&self) -> OpenError {
        OpenError::Configuration(format!(
            "{} has never been served, so it has no data yet.\n  Start `signet serve` on it \
         first, or set SIGNET_DATA_DIR to the data directory of your server.",
            self.describe_database()
        ))
    }

    pub(super) fn wrong_master_key(&self) -> OpenError {
        let found = match &self.config.master_key {
            Some(_) => "SIGNET_MASTER_KEY".to_owned(),
            None => data_dir::master_key_path(&self.config.data_dir).display().to_string(),
        };
        OpenError::Configuration(format!(
            "the master key in {found} is not the one {} was sealed with.\n  Restore the right key \
         from your backup, or set SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE; while the key is being\n  replaced, set the previous one in SIGNET_MASTER_KEY_OLD.\n  Nothing was changed.",
            self.describe_database()
        ))
    }
}
