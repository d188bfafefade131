//! The proof that a copy of the database is a backup: it is sound, complete, opens with the master key, and serves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::app::App;
use crate::app::startup::{self, OpenError, OpenPurpose, Startup};
use crate::base::entropy::random;
use crate::base::{Clock, Secret};
use crate::config::{Config, Database};
use crate::crypto::keyring::public_json;
use crate::crypto::random::SystemEntropy;
use crate::domain::authn::{SecondFactor, ServerPolicy};
use crate::domain::outcome::Fault;
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, Manifest};
use crate::store::{Db, clients, keys, migrate};

use super::table_sums::TableSums;
use super::workplace::copy_private;
use super::{BackupError, aside};

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

/// Proves the plain copy at `file`, which people know as `shown`. Works on a copy of it in the empty directory `scratch` and
/// leaves `file` as it is.
pub(super) async fn prove(
    config: &Config,
    clock: Arc<dyn Clock>,
    file: &Path,
    shown: &str,
    scratch: &Path,
) -> Result<Proof, BackupError> {
    let unproven = |found: &str| {
        BackupError::Unproven(format!(
            "{shown} cannot be used as a backup: {found}.\n  Use or make another one."
        ))
    };
    let manifest = examine(file).await.map_err(|found| unproven(&found))?;
    let (from, to) = (file.to_owned(), scratch.join("signet.db"));
    let copied = aside(move || {
        copy_private(&from, &to).map_err(|error| BackupError::of_file("copying", &from, &error))
    });
    let bytes = copied.await?;
    let key = bring_up_to_date(config, scratch, shown).await?;
    // Everything in the copy is sealed anew under a key that is thrown away, which opens everything.
    let mut config = on(config, scratch);
    config.master_key = Some(Secret::new(random(&SystemEntropy)));
    config.master_key_old = Some(key);
    let app = open(config, clock).await.map_err(|error| match reason(&error, scratch) {
        Some(reason) => unproven(&reason),
        None => error,
    })?;
    let outcome = exercise(&app).await;
    app.db.close().await;
    outcome.map_err(|found| unproven(&found))?;
    Ok(Proof { manifest, bytes })
}

/// Why the copy in `scratch` cannot be opened, if the reason is in the copy: it was prepared with the right master key, so
/// the reason is there unless the text is about something else.
fn reason(error: &BackupError, scratch: &Path) -> Option<String> {
    match error {
        BackupError::Open(OpenError::Failed(fault)) => Some(fault.to_string()),
        BackupError::Open(OpenError::Configuration(text)) => {
            let copy = scratch.join("signet.db").display().to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_suffix('.').unwrap_or(first);
            first.contains(&copy).then(|| first.replace(&copy, "a copy of it"))
        }
        _ => None,
    }
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
    let keys = copy.signing_keys().await.map_err(said)?;
    if let Some(kid) = manifest.keys.iter().find(|kid| !keys.contains(kid)) {
        return Err(format!("the signing key {kid} is missing"));
    }
    copy.close().await.map_err(said)?;
    let found = TableSums::of_file(file).await.map_err(said)?;
    let rows = found.rows();
    for (table, count) in &manifest.rows {
        match rows.get(table) {
            None => return Err(format!("the table {table} is missing")),
            Some(found) if found != count => {
                return Err(format!(
                    "{table} has {found} rows, and had {count} when the backup was made"
                ));
            }
            Some(_) => {}
        }
    }
    if manifest.rows.len() != rows.len() {
        return Err("it has tables that its manifest does not name".to_owned());
    }
    if let Some(table) = differing(&manifest.digests, &found.digests()) {
        return Err(format!(
            "the rows of {table} are not those of the time when the backup was made"
        ));
    }
    Ok(manifest)
}

/// The first table whose digest is not the one that is expected.
fn differing<'a>(
    expected: &'a BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Option<&'a String> {
    expected
        .iter()
        .find(|(table, digest)| found.get(*table) != Some(*digest))
        .map(|(table, _)| table)
}

/// Refuses a database that a newer Signet has migrated, or that has other migrations than this one knows.
pub(super) async fn check_schema(db: &Db, shown: &str) -> Result<(), BackupError> {
    let status = migrate::status(db).await?;
    if status.applied > status.known {
        return Err(BackupError::configuration(format!(
            "{shown} was made by a newer Signet (schema {}, this binary knows {}).\n  Use that version or a newer one.",
            status.applied, status.known
        )));
    }
    if let Some(version) = status.foreign {
        return Err(BackupError::Unproven(format!(
            "migration {version:04} of {shown} is not the one that this binary knows.\n  Use the binary that wrote the \
             database."
        )));
    }
    Ok(())
}

/// Brings the schema of the copy `signet.db` in `dir` up to date, and finds the master key that it is sealed with.
pub(super) async fn bring_up_to_date(
    config: &Config,
    dir: &Path,
    shown: &str,
) -> Result<Secret<[u8; 32]>, BackupError> {
    let masters = startup::master_keys(config)?;
    let config = on(config, dir);
    let db = startup::connect(&config).await?;
    let found = async {
        check_schema(&db, shown).await?;
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
    let found = found.await;
    db.close().await;
    found
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

/// Opens a copy that [`bring_up_to_date`] has prepared.
pub(super) async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<App, BackupError> {
    let entropy = Arc::new(SystemEntropy);
    let startup = Startup { config, clock, entropy, purpose: OpenPurpose::Administer };
    Ok(startup.open().await?.app)
}

/// Uses the copy as a server would.
async fn exercise(app: &App) -> Result<(), String> {
    let said = |fault: Fault| fault.to_string();
    let now = app.now();
    let mut reader = app.db.reader().await.map_err(said)?;
    for key in keys::signing_keys(&mut reader).await.map_err(said)? {
        let kid = &key.facts.kid;
        let Some(parsed) = app.parsed_key(&key) else {
            return Err(format!("the signing key {kid} cannot be opened"));
        };
        parsed.sign(b"proof").map_err(said)?;
        if !is_one_key(&key.public_jwk, &public_json(&parsed.public)) {
            return Err(format!("the public half of the signing key {kid} is that of another key"));
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

/// Whether two JWKs are of the same public key, whatever else they say.
fn is_one_key(one: &str, other: &str) -> bool {
    let values = [one, other].map(|jwk| serde_json::from_str::<Value>(jwk).unwrap_or_default());
    let [one, other] = values;
    one.is_object()
        && ["kty", "crv", "x", "y", "n", "e"].iter().all(|name| one.get(name) == other.get(name))
}

/// What a use case stopped with, in words.
pub(super) fn text_of(failure: crate::domain::outcome::Failure) -> String {
    match failure {
        crate::domain::outcome::Failure::Refused(refusal) => refusal.message.into_owned(),
        crate::domain::outcome::Failure::Failed(fault) => fault.to_string(),
    }
}
