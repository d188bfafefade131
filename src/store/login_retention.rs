//! Removes the events of successful log-ins before other events.
//!
//! An index of them would be as large as all others. They are walked through by id, which is ordered by time, and
//! the position of the walk is in `meta`.

use uuid::Uuid;

use crate::base::id::AuditId;
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx, meta};

/// The name in `meta`.
const POSITION: &str = "login_retention";

/// The last event that the walk has passed.
///
/// # Errors
/// When the database cannot be read.
pub async fn position(link: &mut impl Link) -> Result<AuditId, Fault> {
    let stored = meta::get(link, POSITION).await?;
    let id = stored.and_then(|bytes| Uuid::from_slice(&bytes).ok()).unwrap_or(Uuid::nil());
    Ok(AuditId::from_uuid(id))
}

/// Stores the position.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_position(tx: &mut Tx, passed: AuditId) -> Result<(), Fault> {
    meta::set(tx, POSITION, passed.uuid().as_bytes()).await
}

/// An event on the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Passed {
    /// The event.
    pub id: AuditId,
    is_login: i64,
}

impl Passed {
    /// Whether it is a successful log-in.
    #[must_use]
    pub const fn is_login(&self) -> bool {
        self.is_login == 1
    }
}

/// Up to `step` events after `after` and before `until`, in the order of their ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn walk(
    link: &mut impl Link,
    after: AuditId,
    until: AuditId,
    step: i64,
) -> Result<Vec<Passed>, Fault> {
    fetch_all!(
        link,
        Passed,
        "SELECT id, CAST(CASE WHEN kind = 'login.succeeded' THEN 1 ELSE 0 END AS BIGINT) AS is_login \
         FROM audit_events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
        after,
        until,
        step
    )
}

/// Removes the log-ins from `first` to `last`, inclusive.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, first: AuditId, last: AuditId) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM audit_events WHERE id >= $1 AND id <= $2 AND kind = 'login.succeeded'",
        first,
        last
    )
}
