//! Whether a start is the first one, and whether a first start is allowed.
//!
//! A lost database (an unmounted volume, a wrong directory) looks like a first start. Serving a new, empty one
//! would be worse than not starting: every user is gone, and the set-up link makes any reader of the log an
//! administrator.

use std::path::Path;

use crate::config::{Database, NewDatabase};
use crate::store::Db;

use super::{OpenError, OpenPurpose, Startup, data_dir};
use crate::app::keys;

impl Startup {
    /// Checks the files before anything is created. Only SQLite keeps its database in a file.
    pub(super) fn check_files(&self) -> Result<(), OpenError> {
        let Database::Sqlite(path) = &self.config.database else { return Ok(()) };
        if !self.serves() {
            return Ok(());
        }
        if size(path) > 0 {
            return self.check_purpose(true);
        }
        self.refuse_remains(path)?;
        self.check_purpose(false)
    }

    /// Checks a reachable database. On SQLite an interrupted first start is completed; on PostgreSQL it cannot be
    /// distinguished from a lost database.
    pub(super) async fn check_sealed(&self, db: &Db, fresh: bool) -> Result<bool, OpenError> {
        let sealed = !fresh && keys::is_sealed(&mut db.reader().await?).await?;
        if !self.serves() {
            return Ok(sealed);
        }
        if !db.is_sqlite() {
            self.check_purpose(sealed)?;
        } else if !sealed && self.config.new_database == NewDatabase::Never {
            return Err(self.new_database_forbidden());
        }
        Ok(sealed)
    }

    /// Whether the existence of the database fits the purpose of the start.
    fn check_purpose(&self, exists: bool) -> Result<(), OpenError> {
        let anew = self.purpose == OpenPurpose::ServeNewDatabase;
        if exists {
            return if anew { Err(self.database_exists()) } else { Ok(()) };
        }
        if self.config.new_database == NewDatabase::Never {
            return Err(self.new_database_forbidden());
        }
        let key = data_dir::master_key_path(&self.config.data_dir);
        if !anew && key.exists() {
            return Err(self.database_lost(&key));
        }
        Ok(())
    }

    /// Refuses the remains of a database. SQLite treats an empty file as a new database and discards the
    /// write-ahead log beside it; the server would continue with no users and other keys.
    fn refuse_remains(&self, path: &Path) -> Result<(), OpenError> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = Path::new(&log);
        if size(log) == 0 {
            return Ok(());
        }
        Err(OpenError::Configuration(format!(
            "the database {} is {}, but {} is there.\n  Restore the newest backup. To start over instead, remove the \
             database's files.",
            path.display(),
            if path.exists() { "empty" } else { "missing" },
            log.display()
        )))
    }

    fn database_lost(&self, key: &Path) -> OpenError {
        let found = match &self.config.database {
            Database::Sqlite(path) if path.exists() => format!("{} is empty", path.display()),
            Database::Sqlite(path) => format!("there is no database at {}", path.display()),
            Database::Postgres(_) => {
                format!("{} holds no keys of Signet", self.describe_database())
            }
        };
        OpenError::Configuration(format!(
            "{found}, but the master key {} of an earlier start is there.\n  If the database is lost, \
             restore the newest backup; check that its volume is mounted and that SIGNET_DATA_DIR and \
             SIGNET_DATABASE_URL are right.\n  To start over with this key, run once:  signet serve \
             --new-database",
            key.display()
        ))
    }

    fn database_exists(&self) -> OpenError {
        OpenError::Conflict(format!(
            "--new-database was given, but {} exists.\n  Start without it. To start over, move the database away \
             first.",
            self.describe_database()
        ))
    }

    fn new_database_forbidden(&self) -> OpenError {
        OpenError::Configuration(format!(
            "there is no database of Signet yet ({}), and SIGNET_NEW_DATABASE=never forbids creating one.\n  If \
             there was one, restore the newest backup, and check that its volume is mounted. \
             For a first start set SIGNET_NEW_DATABASE=allowed.",
            self.describe_database()
        ))
    }
}

pub(super) fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |facts| facts.len())
}
