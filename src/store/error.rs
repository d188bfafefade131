//! The meaning of a database error: a temporary condition, a bug, or a matter for the operator.

use std::io;
use std::sync::Arc;

use crate::domain::outcome::{Fault, FaultKind};

/// Converts a driver's error into a fault that names the statement.
pub fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Fault {
    move |error| Fault { kind: classify(&error), doing, cause: Some(Box::new(error)) }
}

fn classify(error: &sqlx::Error) -> FaultKind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Tls(_) => FaultKind::Unavailable,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(code) if passes(code) => FaultKind::Unavailable,
            _ => FaultKind::Internal,
        },
        _ => FaultKind::Internal,
    }
}

/// The remedy for an error at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Waiting: the condition is temporary.
    Wait,
    /// Changing settings, rights or files.
    Configuration,
    /// Unknown.
    Unknown,
}

/// The remedy for an error of the driver.
#[must_use]
pub fn remedy_of(error: &sqlx::Error) -> Remedy {
    match error {
        sqlx::Error::Io(error) if is_certificate(error) => Remedy::Configuration,
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Remedy::Configuration
        }
        // Refused, reset, no answer, a name that is not known (yet).
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => Remedy::Wait,
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => Remedy::Configuration,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // Authentication, no such database, missing rights.
            Some(code) if code.starts_with("28") || matches!(code, "3D000" | "42501" | "3F000") => {
                Remedy::Configuration
            }
            Some(code) if passes(code) => Remedy::Wait,
            _ => Remedy::Unknown,
        },
        _ => Remedy::Unknown,
    }
}

/// Whether a certificate ended a handshake.
fn is_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::UnsupportedNameType
                | rustls::Error::AlertReceived(_)
        )
    )
}

/// Whether the server has no connection left for this role, this database or at all. PgBouncer uses a code with
/// many other meanings.
#[must_use]
pub fn is_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().as_deref() == Some("53300")
        || error.message().contains("no more connections allowed")
}

/// The driver's error behind a fault.
#[must_use]
pub fn driver_error(fault: &Fault) -> Option<&sqlx::Error> {
    let cause = fault.cause.as_deref()?;
    cause
        .downcast_ref::<sqlx::Error>()
        .or_else(|| cause.downcast_ref::<Arc<sqlx::Error>>().map(AsRef::as_ref))
}

/// The code that the database gave an error: an SQLSTATE, or the number of SQLite's.
#[must_use]
pub fn code(fault: &Fault) -> Option<String> {
    let code = driver_error(fault)?.as_database_error()?.code()?;
    Some(code.into_owned())
}

/// Whether the transaction was the victim of a deadlock or a serialization conflict, so that it may be retried
/// (PostgreSQL 40P01 and 40001).
#[must_use]
pub fn is_deadlock(fault: &Fault) -> bool {
    matches!(code(fault).as_deref(), Some("40P01" | "40001"))
}

/// Whether a row was refused because another one has the same key.
#[must_use]
pub fn is_unique_violation(fault: &Fault) -> bool {
    let error = driver_error(fault).and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether a row was refused because a row that it references does not exist.
#[must_use]
pub fn is_missing_reference(fault: &Fault) -> bool {
    let error = driver_error(fault).and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// Whether a statement names a table that the database does not have (PostgreSQL 42P01).
#[must_use]
pub fn is_undefined_table(fault: &Fault) -> bool {
    code(fault).as_deref() == Some("42P01")
}

/// Whether a database error code means a temporary condition rather than a bug.
fn passes(code: &str) -> bool {
    if let Some(primary) = sqlite_primary(code) {
        // BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
        return matches!(primary, 5 | 6 | 8 | 10 | 11 | 13 | 14 | 15 | 26);
    }
    // Connection (08), resources (53), operator intervention (57), system error (58), deadlock and
    // serialization failure (40), lock not available (55P03), read-only transaction (25006).
    ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class))
        || matches!(code, "55P03" | "25006")
}

/// The primary result code of SQLite in an extended one; `None` for an SQLSTATE.
#[must_use]
pub fn sqlite_primary(code: &str) -> Option<u32> {
    let extended = (code.len() < 5).then(|| code.parse::<u32>().ok())?;
    extended.map(|extended| extended & 0xff)
}

/// Whether SQLite found the content of the file wrong: it is damaged, or no database.
#[must_use]
pub fn is_damage(fault: &Fault) -> bool {
    // CORRUPT, NOTADB.
    matches!(code(fault).as_deref().and_then(sqlite_primary), Some(11 | 26))
}

/// Whether a write failed because of a full disk, an I/O error, or a read-only database. A smaller write may still
/// succeed.
#[must_use]
pub fn is_refused_write(fault: &Fault) -> bool {
    let Some(code) = code(fault) else { return false };
    match sqlite_primary(&code) {
        // READONLY, IOERR, FULL.
        Some(primary) => matches!(primary, 8 | 10 | 13),
        // Disk full, I/O error, read-only transaction.
        None => matches!(code.as_str(), "53100" | "58030" | "25006"),
    }
}

/// Whether the connection has ended, whichever side ended it (PostgreSQL classes 08 and 57).
#[must_use]
pub fn is_cut(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_reached_yet_is_waited_for() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::TimedOut,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::NotFound,
            // The kind of an unknown host name.
            io::ErrorKind::Other,
        ] {
            assert_eq!(remedy_of(&io::Error::from(kind).into()), Remedy::Wait, "{kind:?}");
        }
    }

    #[test]
    fn certificates_and_permissions_are_not_waited_for() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let handshake = io::Error::new(io::ErrorKind::InvalidData, unknown);
        assert_eq!(remedy_of(&handshake.into()), Remedy::Configuration);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(remedy_of(&denied.into()), Remedy::Configuration);
        let text = sqlx::Error::Tls("no certificate of an authority".into());
        assert_eq!(remedy_of(&text), Remedy::Configuration);
    }

    #[test]
    fn codes_of_the_two_databases_are_distinguished() {
        assert_eq!(sqlite_primary("4874"), Some(10));
        assert_eq!(sqlite_primary("13"), Some(13));
        assert_eq!(sqlite_primary("53100"), None);
        assert_eq!(sqlite_primary("3D000"), None);
        assert!(passes("53100") && passes("13") && !passes("42501"));
    }

    /// A server that starts or is unreachable is temporary; a wrong password or database is not.
    #[test]
    fn codes_of_connections_that_pass_are_told_from_those_that_do_not() {
        for passing in ["57P03", "08006", "08001", "53300"] {
            assert!(passes(passing), "{passing}");
        }
        for lasting in ["28P01", "28000", "3D000"] {
            assert!(!passes(lasting), "{lasting}");
        }
    }
}
