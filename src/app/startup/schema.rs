//! Whether this binary supports the schema of a database.

use crate::base::{Deadlines, TimeSpan};
use crate::domain::key_rotation;
use crate::store::pg_server::ServerFacts;
use crate::store::{Db, meta, migrate};

use super::explain::POOLER;
use super::rights::quoted;
use super::{OpenError, OpenPurpose, Startup};

/// Checks that the database can hold every text.
///
/// # Errors
/// A PostgreSQL database with an encoding other than UTF-8, with what to do; faults.
pub async fn check_encoding(db: &Db) -> Result<(), OpenError> {
    db.server_facts().await?.as_ref().map_or(Ok(()), refuse_encoding)
}

fn refuse_encoding(facts: &ServerFacts) -> Result<(), OpenError> {
    if facts.encoding == "UTF8" {
        return Ok(());
    }
    Err(OpenError::Configuration(format!(
        "the PostgreSQL database in SIGNET_DATABASE_URL has the encoding {}, and Signet needs UTF8.\n  \
         Create another one and name it in SIGNET_DATABASE_URL:  CREATE DATABASE name OWNER role \
         ENCODING 'UTF8' TEMPLATE template0;",
        facts.encoding
    )))
}

/// Warns about a short `statement_timeout`. Transactions set their own; reads outside of one have the default of
/// the role, and one that reaches it is a 503.
fn warn_of_timeout(facts: &ServerFacts, deadlines: Deadlines) {
    let own = i64::try_from(deadlines.write().as_millis()).unwrap_or(i64::MAX);
    if (1..own).contains(&facts.statement_timeout) {
        tracing::warn!(
            "PostgreSQL ends reads after {} ms (statement_timeout of the role, the database or the server); \
             Signet waits {own} ms. Reads that take longer are answered with 503. To leave the limit to \
             Signet:  ALTER ROLE {} SET statement_timeout = 0;",
            facts.statement_timeout,
            quoted(&facts.role)
        );
    }
}

impl Startup {
    /// Checks that the server and any pooler before it are supported.
    pub(super) async fn check_server(&self, db: &Db) -> Result<(), OpenError> {
        if let Some(facts) = db.server_facts().await? {
            refuse_encoding(&facts)?;
            if self.serves() {
                warn_of_timeout(&facts, self.config.deadlines);
            }
        }
        if self.serves() && !db.keeps_prepared_statements().await? {
            return Err(OpenError::Configuration(format!(
                "prepared statements do not outlive a transaction.\n  {POOLER}"
            )));
        }
        Ok(())
    }

    /// Checks the schema before anything is changed. True when the database is empty.
    pub(super) async fn check_schema(&self, db: &Db) -> Result<bool, OpenError> {
        let status = migrate::status(db).await?;
        if status.applied > status.known {
            return Err(OpenError::Configuration(format!(
                "the database was written by a newer Signet (schema {}, this binary knows {}).\n  Use \
             that version or a newer one, or restore the backup taken before the upgrade.",
                status.applied, status.known
            )));
        }
        if let Some(version) = status.foreign {
            return Err(OpenError::Configuration(format!(
                "migration {version:04} of {} is not the one that this binary knows: it was edited, \
                 interrupted, or comes from another build.\n  Use the binary that wrote the database, or \
                 restore the newest backup. Nothing was changed.",
                self.describe_database()
            )));
        }
        if !self.serves() && status.pending > 0 {
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

/// The name of the row with the longest time, in milliseconds, for which the public keys were ever allowed to be
/// cached.
const LONGEST_MAX_AGE: &str = "jwks_max_age";

/// How long caches may still hold the public keys: an older version may have allowed more than this one. A server
/// records its own value for later ones.
pub(super) async fn longest_max_age(db: &Db, purpose: OpenPurpose) -> Result<TimeSpan, OpenError> {
    let stored = meta::get(&mut db.reader().await?, LONGEST_MAX_AGE).await?;
    let stored = stored.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    let stored = stored.map_or(TimeSpan::ZERO, TimeSpan::from_millis);
    if stored < key_rotation::MAX_AGE && purpose != OpenPurpose::Administer {
        let mut tx = db.begin().await?;
        let longest = key_rotation::MAX_AGE.millis().to_string();
        meta::set(&mut tx, LONGEST_MAX_AGE, longest.as_bytes()).await?;
        tx.commit().await?;
    }
    Ok(stored.max(key_rotation::MAX_AGE))
}
