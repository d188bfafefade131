//! Shrinking a SQLite database while no server works on it.

use std::path::Path;

use crate::config::{Config, Database};
use crate::store::Db;

use super::connect::connect;
use super::data_dir::lock_out;
use super::error::OpenError;
use super::explain::explain;

/// The size of a database file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// With the write-ahead log beside it.
    pub before: u64,
    /// Afterwards, without a log.
    pub after: u64,
}

/// Rewrites the database file without the space of deleted rows, with the server's lock held.
///
/// # Errors
/// When a server uses it, it is not SQLite, the disk is full, or it cannot be opened.
pub async fn compact(config: &Config) -> Result<Compacted, OpenError> {
    let Database::Sqlite(path) = &config.database else {
        return Err(OpenError::Configuration(
            "SIGNET_DATABASE_URL names a PostgreSQL database, and this is for SQLite.\n  PostgreSQL reuses space by \
             itself; to shrink files, use VACUUM."
                .to_owned(),
        ));
    };
    if !path.exists() {
        return connect(config).await.map(|_| Compacted { before: 0, after: 0 });
    }
    let _lock = lock_out(config, "compacting keeps every other writer out")?;
    let before = size(path);
    let db = connect(config).await?;
    let outcome = rewrite(&db).await;
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(explain(&config.database, &db, error).await),
    };
    db.close().await;
    outcome.map(|()| Compacted { before, after: size(path) })
}

async fn rewrite(db: &Db) -> Result<(), OpenError> {
    db.compact().await?;
    Ok(db.empty_log().await?)
}

fn size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let of = |path: &Path| path.metadata().map_or(0, |facts| facts.len());
    of(path) + of(Path::new(&log))
}
