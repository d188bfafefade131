//! The audit event of an expired session.
//!
//! A session has expired when none of its branches is live and nothing has ended it. Its key is the session, so
//! that concurrent writers, such as a refused refresh and housekeeping, write one event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::id::{AuditId, SessionId, UserId};
use crate::base::{Entropy, Timestamp};
use crate::domain::audit::{EventKind, Origin};
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::store::db::{Conn, count_statement, with_deadline};
use crate::store::{Link as _, Tx, audit};

/// A session with an expired branch, and the request that noticed it.
#[derive(Debug, Clone)]
pub struct ExpiredSession {
    /// The session id, shared by its branches.
    pub id: SessionId,
    /// The user of the session.
    pub user_id: UserId,
    /// The `client_id` of the client through which it was opened.
    pub client_id: String,
    /// The user's epoch it belongs to.
    pub user_epoch: i64,
    /// The origin, for the audit trail.
    pub origin: Origin,
    /// When the request noticed the expiry.
    pub noticed_at: Timestamp,
}

impl ExpiredSession {
    /// A session whose branch was found to have expired.
    #[must_use]
    pub fn noticed(session: &Session, origin: &Origin, at: Timestamp) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            client_id: session.client_id.clone(),
            user_epoch: session.user_epoch,
            origin: origin.clone(),
            noticed_at: at,
        }
    }
}

/// Writes the events of those `sessions` that have expired and have none yet, in one statement, and returns their
/// number. A session with a live branch has not expired; one of an earlier epoch was ended by the raise.
///
/// # Errors
/// When the database cannot be written.
pub async fn record_expired(
    tx: &mut Tx,
    sessions: &[ExpiredSession],
    entropy: &dyn Entropy,
) -> Result<u64, Fault> {
    let sessions: BTreeMap<SessionId, &ExpiredSession> =
        sessions.iter().rev().map(|session| (session.id, session)).collect();
    if sessions.is_empty() {
        return Ok(0);
    }
    let kind = EventKind::SessionExpired.as_str();
    count_statement();
    let doing = "recording expired sessions";
    let deadline = tx.deadline();
    let written: Result<Vec<(SessionId,)>, Fault> = match tx.conn() {
        Conn::Sqlite(conn) => {
            let rows: Value = sessions.values().map(|one| row(one, entropy)).collect();
            let query = sqlx::query_as::<sqlx::Sqlite, _>(SQLITE).bind(kind).bind(rows.to_string());
            with_deadline(deadline, doing, query.fetch_all(conn)).await
        }
        Conn::Postgres(conn) => {
            let query = sqlx::query_as::<sqlx::Postgres, _>(POSTGRES)
                .bind(kind)
                .bind(column(&sessions, |one| AuditId::new(one.noticed_at, entropy).uuid()))
                .bind(column(&sessions, |one| one.id.uuid()))
                .bind(column(&sessions, |one| one.user_id.uuid()))
                .bind(column(&sessions, |one| one.client_id.clone()))
                .bind(column(&sessions, |one| one.user_epoch))
                .bind(column(&sessions, |one| one.noticed_at.millis()))
                .bind(column(&sessions, |one| one.origin.via.as_str()))
                .bind(column(&sessions, |one| one.origin.address.map(|at| at.to_string())))
                .bind(column(&sessions, |one| one.origin.request_id.clone()));
            with_deadline(deadline, doing, query.fetch_all(conn)).await
        }
    };
    let written = written.inspect_err(|fault| tx.failed(fault))?;
    tx.ended(!written.is_empty());
    for (session,) in &written {
        tx.note_event(EventKind::SessionExpired);
        if let Some(one) = sessions.get(session) {
            audit::log_expired(one.id, one.user_id, &one.client_id, &one.origin);
        }
    }
    Ok(written.len() as u64)
}

fn column<T>(
    sessions: &BTreeMap<SessionId, &ExpiredSession>,
    of: impl Fn(&ExpiredSession) -> T,
) -> Vec<T> {
    sessions.values().map(|one| of(one)).collect()
}

fn row(one: &ExpiredSession, entropy: &dyn Entropy) -> Value {
    let hex = |id: uuid::Uuid| id.simple().to_string();
    json!([
        hex(AuditId::new(one.noticed_at, entropy).uuid()),
        hex(one.id.uuid()),
        hex(one.user_id.uuid()),
        one.client_id,
        one.user_epoch,
        one.noticed_at,
        one.origin.via,
        one.origin.address,
        one.origin.request_id,
    ])
}

/// The common part of both statements, with the sessions as `e`; the key of the event depends on the dialect.
macro_rules! insert_of {
    ($fold:literal, $rows:literal) => {
        concat!(
            "INSERT INTO audit_events (id, at, kind, via, user_id, session_id, address, request_id, ",
            "detail, fold, times) SELECT e.id, e.at, $1, e.via, e.user_id, e.session, e.address, ",
            "e.request_id, e.client_id, ",
            $fold,
            ", 1 FROM (",
            $rows,
            ") AS e JOIN users u ON u.id = e.user_id AND ",
            "u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = e.user_epoch ",
            "WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE coalesce(s.sid, s.id) = e.session ",
            "AND s.revoked_at IS NULL AND s.expires_at > e.at AND s.idle_expires_at > e.at) ",
            "ON CONFLICT (fold) DO NOTHING RETURNING session_id"
        )
    };
}

/// The SQLite statement.
pub const SQLITE: &str = insert_of!(
    "e.session",
    "SELECT unhex(value ->> 0) AS id, unhex(value ->> 1) AS session, unhex(value ->> 2) AS user_id, \
     value ->> 3 AS client_id, value ->> 4 AS user_epoch, value ->> 5 AS at, value ->> 6 AS via, \
     value ->> 7 AS address, value ->> 8 AS request_id FROM json_each($2)"
);

/// The PostgreSQL statement.
pub const POSTGRES: &str = insert_of!(
    "uuid_send(e.session)",
    "SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], \
     $7::bigint[], $8::text[], $9::text[], $10::text[]) \
     AS r (id, session, user_id, client_id, user_epoch, at, via, address, request_id)"
);
