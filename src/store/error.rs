//! What a database error means: a state of the world that passes, or a mistake of ours.

use crate::domain::outcome::{Fault, FaultKind};

/// Turns a driver's error into a fault, saying which statement it was.
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

/// Whether the database broke a deadlock or a serialization conflict at our expense: the same work
/// may simply be tried again (PostgreSQL 40P01 and 40001).
#[must_use]
pub fn is_deadlock(fault: &Fault) -> bool {
    let cause = fault.cause.as_deref().and_then(|cause| cause.downcast_ref::<sqlx::Error>());
    let code = cause.and_then(|e| e.as_database_error()).and_then(|e| e.code());
    matches!(code.as_deref(), Some("40P01" | "40001"))
}

/// Whether a database error code means a state of the world rather than a mistake of ours.
fn passes(code: &str) -> bool {
    if let Ok(sqlite) = code.parse::<u32>()
        && code.len() < 5
    {
        // Primary codes: BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
        return matches!(sqlite & 0xff, 5 | 6 | 8 | 10 | 11 | 13 | 14 | 15 | 26);
    }
    // Connection (08), resources (53), operator intervention (57), system error (58), deadlock and
    // serialization failure (40), lock not available (55P03), read-only transaction (25006).
    ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class))
        || matches!(code, "55P03" | "25006")
}

/// Whether the connection is no more, whoever ended it (PostgreSQL classes 08 and 57).
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
