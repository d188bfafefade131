//! Explains database faults at a start, and what to do about them.
//!
//! Owns the texts and the choice between a temporary (75) and a permanent failure (78). The remedies for the
//! driver's errors are in `store/error.rs`.

use std::path::Path;

use url::Url;

use crate::config::Database;
use crate::domain::outcome::Fault;
use crate::store::Db;
use crate::store::error::{Remedy, code, driver_error, is_full, remedy_of, sqlite_primary};

use super::error::{self, MAKE_ROOM, OpenError};
use super::rights::missing_rights;

/// The hint about poolers in transaction mode.
pub(super) const POOLER: &str = "A pooler such as PgBouncer lends another session for each \
    transaction and loses prepared statements.\n  Use PgBouncer 1.21 or newer with \
    max_prepared_statements above 0, or pool_mode = session, or connect to PostgreSQL directly.";

/// Why a PostgreSQL server cannot be reached.
pub(super) fn unreachable(url: &str, fault: Fault) -> OpenError {
    let server = format!("the PostgreSQL server in SIGNET_DATABASE_URL{}", place(url));
    let error = driver_error(&fault);
    if error.is_some_and(is_full) {
        return OpenError::TryAgain(format!(
            "{server} has no connection left: {fault}.\n  Raise the limit of the role, the database \
             or max_connections, or lower SIGNET_DATABASE_CONNECTIONS of the processes that share it."
        ));
    }
    let remedy = error.map_or(Remedy::Unknown, remedy_of);
    let advice = match (remedy, code(&fault).as_deref()) {
        (Remedy::Wait, _) => {
            return OpenError::TryAgain(format!(
                "{server} cannot be reached: {fault}.\n  Try again when it runs; a start waits as long \
                 as SIGNET_DATABASE_WAIT says. If it runs, check host and port."
            ));
        }
        (_, Some("3D000")) => {
            "Create it:  CREATE DATABASE name OWNER role ENCODING 'UTF8' TEMPLATE template0;"
        }
        (_, Some(code)) if code.starts_with("28") => {
            "Check user and password in the URL, and pg_hba.conf on the server."
        }
        (_, None) if remedy == Remedy::Configuration => {
            "Check the certificates, and sslmode, sslrootcert, sslcert and sslkey in the URL."
        }
        _ => "Check host, port, database name and password, and that the server is running.",
    };
    OpenError::Configuration(format!("{server} cannot be used: {fault}.\n  {advice}"))
}

/// Host and port for a message. Any other part of the URL may contain a password.
fn place(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port().unwrap_or(5432))));
    host.map(|(host, port)| format!(" ({host}:{port})")).unwrap_or_default()
}

/// Why a SQLite file cannot be used.
pub(in crate::app) fn unusable(path: &Path, fault: &Fault) -> OpenError {
    let shown = path.display();
    let primary = code(fault).as_deref().and_then(sqlite_primary);
    let full = || {
        path.parent()
            .is_some_and(|dir| error::try_writing(dir).is_err_and(|error| error::is_full(&error)))
    };
    match primary {
        Some(5 | 6) => {
            return OpenError::TryAgain(format!(
                "the database {shown} is locked by another process.\n  Try again when it is done."
            ));
        }
        // FULL is unambiguous. IOERR, CANTOPEN and READONLY may mean a full, a broken or a read-only disk.
        Some(13) => return full_disk(path),
        Some(8 | 10 | 14) if full() => return full_disk(path),
        _ => {}
    }
    let advice = match primary {
        Some(8 | 14) => {
            "Check the owner and the modes of the file and its directory, and that its disk \
                         may be written."
        }
        // CORRUPT and NOTADB.
        Some(11 | 26) => "If it is damaged, stop every signet and restore the newest backup.",
        _ => {
            "Check the disk. If the database is damaged, stop every signet and restore the newest \
              backup."
        }
    };
    OpenError::Configuration(format!("the database {shown} cannot be opened: {fault}.\n  {advice}"))
}

fn full_disk(path: &Path) -> OpenError {
    OpenError::TryAgain(format!(
        "the database {} cannot be written: its disk is full.\n  {MAKE_ROOM}",
        path.display()
    ))
}

/// Adds advice to a fault.
pub async fn explain(database: &Database, db: &Db, error: OpenError) -> OpenError {
    let OpenError::Failed(fault) = error else { return error };
    match database {
        Database::Sqlite(path) => explain_sqlite(path, fault),
        Database::Postgres(_) => explain_postgres(db, fault).await,
    }
}

/// Explains a fault of a SQLite file during migration or reading.
fn explain_sqlite(path: &Path, fault: Fault) -> OpenError {
    match code(&fault).as_deref().and_then(sqlite_primary) {
        Some(5 | 6 | 8 | 10 | 11 | 13 | 14 | 26) => unusable(path, &fault),
        _ => OpenError::Failed(fault),
    }
}

/// Explains a fault of a reachable PostgreSQL server.
async fn explain_postgres(db: &Db, fault: Fault) -> OpenError {
    let Some(code) = code(&fault) else { return OpenError::Failed(fault) };
    match code.as_str() {
        "42501" | "3F000" => missing_rights(db.server_facts().await.ok().flatten(), &fault),
        "55P03" | "57014" => OpenError::TryAgain(format!(
            "PostgreSQL did not give a lock in time: {fault}.\n  A backup or a long transaction may \
             hold a table; try again when it is done."
        )),
        "25006" => OpenError::TryAgain(format!(
            "PostgreSQL is read-only: {fault}.\n  Signet needs the primary. Name it in \
             SIGNET_DATABASE_URL; if default_transaction_read_only was set for the role or the \
             database, set it off."
        )),
        "53100" => OpenError::TryAgain(format!(
            "the disk of the PostgreSQL server is full: {fault}.\n  {MAKE_ROOM}"
        )),
        "26000" | "42P05" => OpenError::Configuration(format!(
            "prepared statements do not outlive a transaction: {fault}.\n  {POOLER}"
        )),
        _ if fault.to_string().contains("statement pooling") => OpenError::Configuration(format!(
            "the pooler before PostgreSQL allows no transactions: {fault}.\n  Set pool_mode = \
             transaction (PgBouncer 1.21 or newer with max_prepared_statements above 0) or session."
        )),
        _ => OpenError::Failed(fault),
    }
}
