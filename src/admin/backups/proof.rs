//! The proof that a copy of the database is a backup: it is sound, complete, opens with the master key, and serves.

use std::path::Path;
use std::sync::Arc;

use crate::app::App;
use crate::app::startup::{self, OpenPurpose, Startup};
use crate::base::entropy::random;
use crate::base::{Clock as _, Secret, SystemClock};
use crate::config::{Config, Database};
use crate::crypto::random::SystemEntropy;
use crate::domain::authn::{SecondFactor, ServerPolicy};
use crate::domain::outcome::Fault;
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, Manifest};
use crate::store::{clients, keys, migrate};

use super::BackupError;

mod probe;
mod samples;

/// How much longer than a server the proof waits for the database: it has it for itself, and is in no hurry.
const PATIENCE: u32 = 60;

/// What a copy was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its size without a seal, in bytes.
    pub bytes: u64,
}

/// Proves the plain copy at `file`, which people know as `shown`. Works on a copy of it in `scratch` and leaves `file` as it
/// is.
pub(super) async fn prove(
    config: &Config,
    file: &Path,
    shown: &str,
    scratch: &Path,
) -> Result<Proof, BackupError> {
    let unproven = |found: &str| {
        BackupError::Unproven(format!("{shown} is no good backup: {found}.\n  Take another one."))
    };
    let manifest = examine(file).await.map_err(|found| unproven(&found))?;
    let bytes = std::fs::copy(file, scratch.join("signet.db"))
        .map_err(|error| BackupError::of_file("copying", file, &error))?;
    let key = prepare(config, scratch, shown).await?;
    // A key that is thrown away in the place of the one in force: everything is sealed anew under it, so everything is
    // opened.
    let mut config = on(config, scratch);
    config.master_key = Some(Secret::new(random(&SystemEntropy)));
    config.master_key_old = Some(key);
    let app = open(config).await?;
    let outcome = exercise(&app).await;
    app.db.close().await;
    outcome.map_err(|found| unproven(&found))?;
    Ok(Proof { manifest, bytes })
}

/// What the file says about itself, if it is sound and has all its rows.
async fn examine(file: &Path) -> Result<Manifest, String> {
    let said = |fault: Fault| fault.to_string();
    let mut copy = BackupFile::open(file, false).await.map_err(said)?;
    let manifest = copy.manifest().await.map_err(said)?;
    let manifest =
        manifest.ok_or("it has no manifest, so it was not made by signet backup create")?;
    if let Some(found) = copy.check().await.map_err(said)?.first() {
        return Err(format!("SQLite says: {found}"));
    }
    let rows = copy.count_rows().await.map_err(said)?;
    let differs = |(table, count): &(&String, &i64)| rows.get(*table) != Some(*count);
    if let Some((table, count)) = manifest.rows.iter().find(differs) {
        let found = rows.get(table).copied().unwrap_or_default();
        return Err(format!("{table} has {found} rows, and had {count} when the backup was made"));
    }
    if copy.signing_keys().await.map_err(said)? != manifest.keys {
        return Err("it holds other signing keys than its manifest names".to_owned());
    }
    copy.close().await.map_err(said)?;
    Ok(manifest)
}

/// Brings the schema of the copy `signet.db` in `dir` up to date, and finds the master key that it is sealed with.
pub(super) async fn prepare(
    config: &Config,
    dir: &Path,
    shown: &str,
) -> Result<Secret<[u8; 32]>, BackupError> {
    let masters = startup::master_keys(config)?;
    let config = on(config, dir);
    let db = startup::connect(&config).await?;
    let prepared = async {
        let status = migrate::status(&db).await?;
        if status.applied > status.known {
            return Err(BackupError::configuration(format!(
                "{shown} was made by a newer Signet (schema {}, this binary knows {}).\n  Use that version or a newer \
                 one.",
                status.applied, status.known
            )));
        }
        if let Some(version) = status.foreign {
            return Err(BackupError::Unproven(format!(
                "migration {version:04} of {shown} is not the one that this binary knows.\n  Use the binary that wrote \
                 the database."
            )));
        }
        migrate::up(&db).await?;
        for key in masters {
            if startup::fits(&db, &key).await? {
                return Ok(key);
            }
        }
        Err(BackupError::Unproven(format!(
            "{shown} was sealed with another master key than the one at hand.\n  Bring the master key of the server that \
             it was made on (SIGNET_MASTER_KEY_FILE)."
        )))
    };
    let prepared = prepared.await;
    db.close().await;
    prepared
}

/// The settings with which the copy in `dir` is opened: what tokens are made of is as it is served; what speaks to others,
/// or asks people for more, is off.
pub(super) fn on(config: &Config, dir: &Path) -> Config {
    let mut config = config.clone();
    config.data_dir = dir.to_owned();
    config.database = Database::Sqlite(dir.join("signet.db"));
    config.bootstrap_admin = None;
    config.apply_files = Vec::new();
    config.mail = None;
    config.second_factor = ServerPolicy { second_factor: SecondFactor::Off, from: None };
    config.rate_limits = false;
    config.hash_workers = 1;
    config.deadlines = config.deadlines.times(PATIENCE);
    config
}

/// Opens a copy that [`prepare`] has prepared.
pub(super) async fn open(config: Config) -> Result<App, BackupError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let startup = Startup { config, clock, entropy, purpose: OpenPurpose::Administer };
    Ok(startup.open().await?.app)
}

/// Uses the copy as a server would.
async fn exercise(app: &App) -> Result<(), String> {
    let said = |fault: Fault| fault.to_string();
    let now = SystemClock.now();
    let mut reader = app.db.reader().await.map_err(said)?;
    for key in keys::signing_keys(&mut reader).await.map_err(said)? {
        if app.parsed_key(&key).is_none() {
            return Err(format!("the signing key {} cannot be opened", key.facts.kid));
        }
    }
    clients::all(&mut reader).await.map_err(said)?;
    samples::decode(&mut reader, now).await.map_err(said)?;
    drop(reader);
    if !app.keyring().works(app.issuer(), now) {
        return Err("its signing key does not sign and verify".to_owned());
    }
    probe::sign_in(app, now).await?;
    let info = RequestInfo::system(now);
    let resealed =
        app.transaction_or_nothing(&info, async |tx| Ok(tx.app().rewrap(tx).await?)).await;
    match resealed {
        Ok(true) => Ok(()),
        Ok(false) => Err("it holds nothing that is sealed".to_owned()),
        Err(failure) => {
            Err(format!("something sealed in it cannot be opened ({})", text_of(failure)))
        }
    }
}

/// What a use case stopped with, in words.
pub(super) fn text_of(failure: crate::domain::outcome::Failure) -> String {
    match failure {
        crate::domain::outcome::Failure::Refused(refusal) => refusal.message.into_owned(),
        crate::domain::outcome::Failure::Failed(fault) => fault.to_string(),
    }
}
