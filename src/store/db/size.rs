//! The size of the database.

use std::path::PathBuf;

use super::Db;
use crate::domain::outcome::Fault;
use crate::store::error::failed;

const SIZE: &str = "reading the size of the database";

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Of the database.
    pub database: Option<u64>,
    /// Of the write-ahead log; SQLite only.
    pub log: Option<u64>,
    /// Free space on the file system; SQLite only.
    pub free: Option<u64>,
}

impl Db {
    /// How many bytes its content has, whether it is in the file or in the log; about the size of a copy.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn content_bytes(&self) -> Result<u64, Fault> {
        let Self::Sqlite(db) = self else {
            return Ok(self.sizes().await?.database.unwrap_or_default());
        };
        let mut conn = db.read.acquire().await.map_err(failed(SIZE))?;
        let mut number = async |pragma: &'static str| {
            let number: Result<i64, _> = sqlx::query_scalar(pragma).fetch_one(&mut *conn).await;
            number.map_err(failed(SIZE))
        };
        let bytes =
            number("PRAGMA page_count").await?.saturating_mul(number("PRAGMA page_size").await?);
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// The size of the database. Unknown values are left out.
    ///
    /// # Errors
    /// When PostgreSQL cannot be read.
    pub async fn sizes(&self) -> Result<Sizes, Fault> {
        match self {
            Self::Sqlite(db) => {
                let length = |path: &PathBuf| std::fs::metadata(path).ok().map(|facts| facts.len());
                let file_system = rustix::fs::statvfs(&db.path).ok();
                Ok(Sizes {
                    database: length(&db.path),
                    log: Some(length(&db.log_path()).unwrap_or(0)),
                    // The space available to an unprivileged process.
                    free: file_system.map(|free| free.f_bavail.saturating_mul(free.f_frsize)),
                })
            }
            Self::Postgres(db) => {
                let mut lease = db.lend().await?;
                let query = sqlx::query_as("SELECT pg_database_size(current_database())");
                let size: Result<(i64,), _> = query.fetch_one(lease.connection()).await;
                let (size,) = size.map_err(failed(SIZE))?;
                lease.done();
                Ok(Sizes { database: u64::try_from(size).ok(), ..Sizes::default() })
            }
        }
    }
}
