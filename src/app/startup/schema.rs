//! Whether the schema of a database is one that this binary works on.

use crate::base::TimeSpan;
use crate::config::Database;
use crate::domain::key_rotation;
use crate::domain::outcome::FaultKind;
use crate::store::{Db, meta, migrate};

use super::connect::unusable;
use super::{OpenError, OpenPurpose, Startup};

impl Startup {
    /// Compares schemas before anything is changed. True when the database is empty.
    pub(super) async fn check_schema(&self, db: &Db) -> Result<bool, OpenError> {
        let status = match migrate::status(db).await {
            Ok(status) => status,
            Err(fault) => {
                return Err(match (&self.config.database, fault.kind) {
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
        if !self.serves() && status.applied < status.known {
            if status.applied == 0 {
                return Err(self.never_served());
            }
            return Err(OpenError::Configuration(format!(
                "the database has schema {}, this binary needs {}.\n  Start `signet serve` of this \
             version once, or run `signet migrate up`.",
                status.applied, status.known
            )));
        }
        Ok(status.applied == 0)
    }
}

/// The name of the longest time, in milliseconds, the public keys were ever allowed to be cached.
const LONGEST_MAX_AGE: &str = "jwks_max_age";

/// What caches may still hold: an older version may have allowed them more than this one does. A
/// server writes its own allowance down for later ones.
pub(super) async fn longest_max_age(db: &Db, purpose: OpenPurpose) -> Result<TimeSpan, OpenError> {
    let stored = meta::get(&mut db.reader().await?, LONGEST_MAX_AGE).await?;
    let stored = stored.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    let stored = stored.map_or(TimeSpan::ZERO, TimeSpan::from_millis);
    if stored < key_rotation::MAX_AGE && purpose == OpenPurpose::Serve {
        let mut tx = db.begin().await?;
        let longest = key_rotation::MAX_AGE.millis().to_string();
        meta::set(&mut tx, LONGEST_MAX_AGE, longest.as_bytes()).await?;
        tx.commit().await?;
    }
    Ok(stored.max(key_rotation::MAX_AGE))
}
