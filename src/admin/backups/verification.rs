//! Verifies that a copy of the database is a backup: it is sound, complete, opens with the master key, and serves.

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
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, Manifest};
use crate::store::{Db, clients, keys, migrate};

use super::table_digests::TableDigests;
use super::workplace::copy_private;
use super::{BackupError, run_blocking};

mod error;
mod probe;
mod samples;

use error::{VerifyError, is_of_the_environment};

/// How much longer than a server the verification waits for the database: it has it for itself, and is in no hurry.
const PATIENCE: u32 = 60;

/// What a copy was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its size without a seal, in bytes.
    pub bytes: u64,
}

/// Verifies the plain copy at `file`, which people know as `shown`. Works on a copy of it in the empty directory `scratch` and
/// leaves `file` as it is.
pub(super) async fn verify_copy(
    config: &Config,
    clock: Arc<dyn Clock>,
    file: &Path,
    shown: &str,
    scratch: &Path,
) -> Result<Verification, BackupError> {
    let refused = |error: VerifyError| match error {
        VerifyError::Unusable(found) => BackupError::Unusable(format!(
            "{shown} cannot be used as a backup: {found}.\n  Use or make another one."
        )),
        VerifyError::Environment(fault) => BackupError::Open(OpenError::TryAgain(format!(
            "{shown} could not be verified: {fault}.\n  The backup itself may be intact. Check that there is room in {}, and \
             try again.",
            scratch.parent().unwrap_or(scratch).display()
        ))),
        VerifyError::NewerSchema(schema) => newer(shown, schema, migrate::known()),
    };
    let manifest = examine(file).await.map_err(refused)?;
    let (from, to) = (file.to_owned(), scratch.join("signet.db"));
    let copied = run_blocking(move || {
        copy_private(&from, &to).map_err(|error| BackupError::of_file("copying", &from, &error))
    });
    let bytes = copied.await?;
    let key = bring_up_to_date(config, scratch, shown).await?;
    // Everything in the copy is sealed anew under a key that is thrown away, which opens everything.
    let mut config = on(config, scratch);
    config.master_key = Some(Secret::new(random(&SystemEntropy)));
    config.master_key_old = Some(key);
    let app = open(config, clock).await.map_err(|error| match reason(error, scratch) {
        Ok(reason) => refused(reason),
        Err(error) => error,
    })?;
    let outcome = exercise(&app).await;
    app.db.close().await;
    outcome.map_err(refused)?;
    Ok(Verification { manifest, bytes })
}

/// Why the copy in `scratch` cannot be opened: it was prepared with the right master key, so the reason is in the copy unless
/// the text is about something else.
fn reason(error: BackupError, scratch: &Path) -> Result<VerifyError, BackupError> {
    let copy = scratch.join("signet.db").display().to_string();
    match error {
        BackupError::Open(OpenError::Failed(fault)) => Ok(fault.into()),
        BackupError::Open(OpenError::Configuration(text)) if text.contains(&copy) => {
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_suffix('.').unwrap_or(first);
            Ok(first.replace(&copy, "a copy of it").into())
        }
        error => Err(error),
    }
}

/// The manifest of the file, if the file is sound and has all its rows.
async fn examine(file: &Path) -> Result<Manifest, VerifyError> {
    let mut copy = BackupFile::open(file, false).await?;
    let manifest = copy.manifest().await?;
    let manifest = manifest.ok_or_else(|| {
        "it has no manifest, so it was not made by signet backup create".to_owned()
    })?;
    if manifest.schema > migrate::known() {
        return Err(VerifyError::NewerSchema(manifest.schema));
    }
    if let Some(found) = copy.check().await?.first() {
        return Err(format!("SQLite says: {found}").into());
    }
    let keys = copy.signing_keys().await?;
    if let Some(kid) = manifest.keys.iter().find(|kid| !keys.contains(kid)) {
        return Err(format!("the signing key {kid} is missing").into());
    }
    copy.close().await?;
    let found = TableDigests::of_file(file).await?;
    let rows = found.rows();
    for (table, count) in &manifest.rows {
        match rows.get(table) {
            None => return Err(format!("the table {table} is missing").into()),
            Some(found) if found != count => {
                return Err(format!(
                    "{table} has {found} rows, and had {count} when the backup was made"
                )
                .into());
            }
            Some(_) => {}
        }
    }
    if manifest.rows.len() != rows.len() {
        return Err("it has tables that its manifest does not name".to_owned().into());
    }
    if let Some(table) = differing(&manifest.digests, &found.digests()) {
        return Err(format!(
            "the rows of {table} are not those of the time when the backup was made"
        )
        .into());
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

fn newer(shown: &str, schema: i64, known: i64) -> BackupError {
    BackupError::configuration(format!(
        "{shown} was made by a newer Signet (schema {schema}, this binary knows {known}).\n  Use that version or a newer one."
    ))
}

/// Refuses a database that a newer Signet has migrated, or that has other migrations than this one knows.
pub(super) async fn check_schema(db: &Db, shown: &str) -> Result<(), BackupError> {
    let status = migrate::status(db).await?;
    if status.applied > status.known {
        return Err(newer(shown, status.applied, status.known));
    }
    if let Some(version) = status.foreign {
        return Err(BackupError::Unusable(format!(
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
        Err(BackupError::Unusable(format!(
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
async fn exercise(app: &App) -> Result<(), VerifyError> {
    let now = app.now();
    let mut reader = app.db.reader().await?;
    for key in keys::signing_keys(&mut reader).await? {
        let kid = &key.facts.kid;
        let Some(parsed) = app.parsed_key(&key) else {
            return Err(format!("the signing key {kid} cannot be opened").into());
        };
        parsed.sign(b"verification")?;
        if !is_one_key(&key.public_jwk, &public_json(&parsed.public)) {
            return Err(
                format!("the public half of the signing key {kid} is that of another key").into()
            );
        }
    }
    clients::all(&mut reader).await?;
    samples::decode(&mut reader, now).await?;
    drop(reader);
    if !app.keyring().works(app.issuer(), now) {
        return Err("its signing key does not sign and verify".to_owned().into());
    }
    probe::sign_in(app, now).await?;
    let info = RequestInfo::system(now);
    let resealed =
        app.transaction_or_nothing(&info, async |tx| Ok(tx.app().rewrap(tx).await?)).await;
    match resealed {
        Ok(true) => Ok(()),
        Ok(false) => Err("it holds nothing that is sealed".to_owned().into()),
        Err(Failure::Failed(fault)) if is_of_the_environment(&fault) => Err(fault.into()),
        Err(failure) => {
            Err(format!("something sealed in it cannot be opened ({})", text_of(failure)).into())
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
pub(super) fn text_of(failure: Failure) -> String {
    match failure {
        Failure::Refused(refusal) => refusal.message.into_owned(),
        Failure::Failed(fault) => fault.to_string(),
    }
}
