//! Restoring a backup: everything is prepared and shown first, and takes effect with one rename.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::startup::{create_directory, lock_out};
use crate::app::{App, AuditedTx};
use crate::base::{Clock as _, Secret, SystemClock, Timestamp};
use crate::config::{Config, Database};
use crate::crypto::age::Identity;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::request_info::RequestInfo;
use crate::store::backup_file::{BackupFile, fold_log};
use crate::store::revocations::Revoked;
use crate::store::{restored, session_generations};

use super::carry_over::{self, Carried};
use super::plain_backup::PlainBackup;
use super::undone::{self, Undone};
use super::verification::{self, Verification, verify_copy};
use super::workplace::{Workplace, copy_private};
use super::{BackupError, owner, replace};

/// A verified backup that is ready to take the place of the database. Until it does, nothing has changed. No server can
/// start meanwhile.
pub struct PreparedRestore {
    config: Config,
    path: PathBuf,
    master_key: Secret<[u8; 32]>,
    /// In it the copy has the name of a database.
    directory: PathBuf,
    work: Workplace,
    kinds: Vec<Carried>,
    _lock: fs::File,
    /// What was verified of the backup.
    pub verification: Verification,
    /// What has happened since the backup and would be undone. None where there is no database, or it cannot be read.
    pub undone: Option<Undone>,
    /// Whether there is a database.
    pub replaces: bool,
}

/// A database that was restored.
#[derive(Debug)]
pub struct Restored {
    /// What was verified of the backup.
    pub verification: Verification,
    /// Where the database is now that was there before. None where there was none.
    pub before: Option<PathBuf>,
    /// What was undone. None where the database before could not be read.
    pub undone: Option<Undone>,
    /// What was to be carried over and was refused, in words.
    pub refused: Vec<String>,
}

/// Verifies a backup and prepares it to take the place of the SQLite database that the settings name.
///
/// # Errors
/// When a server works on the database, the backup is refused, or something is to be carried over from a database that
/// cannot be read. Then nothing has changed.
pub async fn prepare(
    config: &Config,
    file: &Path,
    identity: Option<&Identity>,
    kinds: Vec<Carried>,
) -> Result<PreparedRestore, BackupError> {
    let Database::Sqlite(path) = &config.database else {
        return Err(BackupError::configuration(
            "SIGNET_DATABASE_URL names a PostgreSQL database, and a backup is a SQLite database.\n  Restore it into a \
             SQLite database (SIGNET_DATABASE_URL=sqlite://PATH), then copy that into an empty PostgreSQL database: signet \
             db copy --from sqlite://PATH --to postgres://…",
        ));
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    let in_directory = |error: io::Error| BackupError::of_file("writing to", directory, &error);
    create_directory(&config.data_dir).map_err(in_directory)?;
    let lock = lock_out(config, "a database is not replaced while it is served")?;
    owner::copy_owner(&config.data_dir.join("serve.lock"), &config.data_dir)
        .map_err(in_directory)?;
    let work = Workplace::within(directory).map_err(in_directory)?;
    // What is restored is what was verified, whatever happens to the file meanwhile.
    let opened = PlainBackup::of(file, identity, &work)?.in_workplace(&work)?;
    let scratch = work.subdirectory("verification").map_err(in_directory)?;
    let clock = Arc::new(SystemClock);
    let verification = verify_copy(config, clock, opened.plain(), &opened.shown, &scratch).await?;
    fs::remove_dir_all(scratch).map_err(in_directory)?;
    let next = work.subdirectory("next").map_err(in_directory)?;
    let copy = next.join("signet.db");
    copy_private(opened.plain(), &copy).map_err(in_directory)?;
    let mut plain = BackupFile::open(&copy, true).await?;
    plain.drop_manifest().await?;
    plain.close().await?;
    let master_key = verification::bring_up_to_date(config, &next, &opened.shown).await?;
    let replaces = path.exists();
    let undone = if replaces { undone::by(path, &copy).await } else { None };
    if !kinds.is_empty() && !replaces {
        return Err(BackupError::configuration(format!(
            "there is no database {}, so nothing can be carried over.\n  Leave --carry out.",
            path.display()
        )));
    }
    if !kinds.is_empty() && undone.is_none() {
        return Err(BackupError::configuration(
            "the present database cannot be read, so nothing can be carried over.\n  Leave --carry out, and repeat by hand \
             what was disabled and retired since the backup.",
        ));
    }
    Ok(PreparedRestore {
        config: config.clone(),
        path: path.clone(),
        master_key,
        undone,
        kinds,
        replaces,
        directory: next,
        work,
        _lock: lock,
        verification,
    })
}

impl PreparedRestore {
    /// Puts the backup in the place of the database, which is kept beside it. Every session, code and cookie ends, and so
    /// do tokens at services that read the revocation feed. What is to be carried over is done again.
    ///
    /// # Errors
    /// When the disk is full or a file cannot be written. Then nothing has changed.
    pub async fn finish(self) -> Result<Restored, BackupError> {
        let now = SystemClock.now();
        let refused = self.renew(now).await?;
        let copy = self.directory.join("signet.db");
        if !fold_log(&copy).await? {
            return Err(Fault::internal("the new database has a log that cannot be moved").into());
        }
        let before = replace::with(&copy, &self.path, now).await?;
        drop(self.work);
        Ok(Restored { verification: self.verification, before, undone: self.undone, refused })
    }

    /// Carries over what is to be, and ends what the copy remembers as live.
    async fn renew(&self, now: Timestamp) -> Result<Vec<String>, BackupError> {
        let mut config = verification::on(&self.config, &self.directory);
        config.master_key = Some(self.master_key.clone());
        config.master_key_old = None;
        let app = verification::open(config, Arc::new(SystemClock)).await?;
        let renewed = async {
            let refused = match &self.undone {
                Some(undone) => carry_over::apply(&app, &self.kinds, undone, now).await?,
                None => Vec::new(),
            };
            end_everything(&app, now).await?;
            app.db.empty_log().await?;
            Ok::<_, BackupError>(refused)
        };
        let renewed = renewed.await;
        app.db.close().await;
        renewed
    }
}

async fn end_everything(app: &App, now: Timestamp) -> Result<(), Failure> {
    let info = RequestInfo::cli(now);
    app.run_or_nothing(&info, async |tx: &mut AuditedTx| {
        session_generations::end_all(tx).await?;
        tx.cut(Revoked::Everything).await?;
        restored::delete_pending(tx).await?;
        restored::raise_cache_version(tx).await?;
        tx.app().replace_refresh_keys(tx, now).await?;
        tx.record(&Event::new(EventKind::BackupRestored)).await?;
        Ok(())
    })
    .await
}
