//! The hot path: reading and changing the rows of many sessions in one statement each.
//!
//! Owns the two set-based statements, which have two texts: the dialects differ in how a set is passed (`json_each`
//! with hexadecimal ids on SQLite, arrays on PostgreSQL) and comes back. `domain::refresh` decides; `worker`
//! combines the two.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::BranchId;
use crate::domain::liveness::UserState;
use crate::domain::outcome::Fault;
use crate::domain::session::{Chain, Session};

use crate::store::attributes::StoredSubject;
use crate::store::batch_read::{self, Reading, lines_of_sessions};
use crate::store::db::{Conn, with_deadline};
use crate::store::session_row::{SessionRow, session_as_json, session_columns};
use crate::store::{Link as _, Tx};

/// A session and the current state of its user.
#[derive(Debug, Clone)]
pub struct Found {
    /// The session.
    pub session: Session,
    /// The state of its user that liveness depends on.
    pub user: UserState,
    /// The data about its user for tokens; parsed only if an API requests it.
    pub subject: Arc<StoredSubject>,
}

/// A change of one session's row, guarded by the values that were read.
#[derive(Debug, Clone)]
pub struct Change {
    /// The branch whose row changes.
    pub id: BranchId,
    /// The expected counter.
    pub was: u32,
    /// The new chain.
    pub chain: Chain,
    /// The new idle expiry.
    pub idle_expires_at: Timestamp,
}

#[derive(sqlx::FromRow, Deserialize)]
struct FoundRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    subject: StoredSubject,
    session_epoch: i64,
    disabled_at: Option<Timestamp>,
}

impl TryFrom<FoundRow> for Found {
    type Error = Fault;
    fn try_from(row: FoundRow) -> Result<Self, Fault> {
        let session = Session::try_from(row.session)?;
        let user = UserState { session_epoch: row.session_epoch, disabled_at: row.disabled_at };
        Ok(Self { session, user, subject: Arc::new(row.subject) })
    }
}

/// The rows by branch, or the error of decoding one.
pub type FoundRows = HashMap<BranchId, Result<Found, Fault>>;

/// Reads the rows of `ids` and locks them until the end of `tx`. Missing ones are absent; a row that does not
/// decode is its own fault and does not affect other refreshes.
///
/// # Errors
/// When the database cannot be read at all.
pub async fn read(tx: &mut Tx, ids: &[BranchId]) -> Result<FoundRows, Fault> {
    let rows = batch_read::read::<_, FoundRow>(tx, &READ, ids).await?;
    Ok(rows.into_iter().map(|(id, row)| (id, row.and_then(Found::try_from))).collect())
}

/// Writes all `changes` in one statement. Returns how many guards matched: if not all did, another process changed a
/// row meanwhile, and everything must be rolled back, read and decided again. Returning which one failed would cost
/// a row per successful change.
///
/// # Errors
/// When the database cannot be written.
pub async fn write(tx: &mut Tx, changes: &[Change]) -> Result<usize, Fault> {
    let doing = "writing refreshed sessions";
    let deadline = tx.deadline();
    let written = match tx.conn() {
        Conn::Sqlite(conn) => {
            let query = sqlx::query::<sqlx::Sqlite>(WRITE_SQLITE).bind(sqlite_changes(changes));
            with_deadline(deadline, doing, query.execute(conn))
                .await
                .map(|done| done.rows_affected())
        }
        Conn::Postgres(conn) => {
            let counter = |n: u32| i64::from(n);
            let each = |f: &dyn Fn(&Change) -> i64| changes.iter().map(f).collect::<Vec<i64>>();
            let query = sqlx::query::<sqlx::Postgres>(WRITE_POSTGRES)
                .bind(changes.iter().map(|c| c.id.uuid()).collect::<Vec<Uuid>>())
                .bind(each(&|c| counter(c.was)))
                .bind(each(&|c| counter(c.chain.current)))
                .bind(changes.iter().map(|c| c.chain.parent.map(counter)).collect::<Vec<_>>())
                .bind(each(&|c| c.chain.answered_at.millis()))
                .bind(each(&|c| i64::from(c.chain.supersedes)))
                .bind(each(&|c| c.idle_expires_at.millis()));
            with_deadline(deadline, doing, query.execute(conn))
                .await
                .map(|done| done.rows_affected())
        }
    };
    let written = written.inspect_err(|fault| tx.failed(fault))?;
    tx.ended(written > 0);
    Ok(usize::try_from(written).unwrap_or(usize::MAX))
}

fn sqlite_changes(changes: &[Change]) -> String {
    let changes: Vec<serde_json::Value> = changes
        .iter()
        .map(|c| {
            serde_json::json!([
                c.id.uuid().simple().to_string(),
                c.was,
                c.chain.current,
                c.chain.parent,
                c.chain.answered_at.millis(),
                c.chain.supersedes,
                c.idle_expires_at.millis(),
            ])
        })
        .collect();
    serde_json::Value::Array(changes).to_string()
}

/// Reads sessions and the present state of their users. PostgreSQL locks the rows in the order of their ids: two
/// batches that locked in different orders would deadlock. Only the session is locked, not the user, which every
/// other request reads too.
pub const READ: Reading = Reading {
    doing: "reading sessions to refresh",
    sqlite: lines_of_sessions!(
        "s.id",
        ", json_array(u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at), u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1), u.disabled_at"
    ),
    postgres: concat!(
        "SELECT ",
        session_columns!(),
        ", u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at \
         FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.id = ANY($1) ORDER BY s.id FOR UPDATE OF s"
    ),
};

/// The SQLite statement for writing.
pub const WRITE_SQLITE: &str = "\
UPDATE sessions SET current = c.current, parent = c.parent, answered_at = c.answered_at, \
supersedes = c.supersedes, idle_expires_at = c.idle_expires_at \
FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS was, value ->> 2 AS current, \
value ->> 3 AS parent, value ->> 4 AS answered_at, value ->> 5 AS supersedes, \
value ->> 6 AS idle_expires_at FROM json_each($1)) AS c \
WHERE sessions.id = c.id AND sessions.current = c.was AND sessions.revoked_at IS NULL";

/// The PostgreSQL statement for writing.
pub const WRITE_POSTGRES: &str = "\
UPDATE sessions SET current = c.current, parent = c.parent, answered_at = c.answered_at, \
supersedes = c.supersedes, idle_expires_at = c.idle_expires_at \
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
$7::bigint[]) AS c (id, was, current, parent, answered_at, supersedes, idle_expires_at) \
WHERE sessions.id = c.id AND sessions.current = c.was AND sessions.revoked_at IS NULL";
