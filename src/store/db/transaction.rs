//! Units of work on either database: beginning, committing and rolling back within a deadline.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{SqlSafeStr as _, Sqlite, Transaction};
use tokio::time::Instant;

use super::last_write::LastWrite;
use super::pg_lease::Lease;
use super::{Conn, Link, with_deadline};
use crate::domain::audit::EventKind;
use crate::domain::outcome::{Failure, Fault, FaultKind};
use crate::metrics::DbMetrics;

/// How long a rollback may take after the deadline.
const ROLLBACK_WAIT: Duration = Duration::from_millis(200);

/// A unit of work on either database. All of it, including the wait for its beginning and the commit, must finish
/// before its deadline; otherwise it is a fault and rolled back.
pub struct Tx {
    pub(super) begun: Begun,
    pub(super) deadline: Instant,
    /// Whether a statement has changed something.
    pub(super) wrote: bool,
    pub(super) last_write: LastWrite,
    pub(super) metrics: Arc<DbMetrics>,
    /// Audit events, which are counted after the commit.
    pub(super) recorded: Vec<EventKind>,
}

pub(super) enum Begun {
    /// On SQLite, with the only write connection.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL; dropped without an end, it is rolled back before the connection is lent again.
    Postgres(Lease),
}

impl Link for Tx {
    fn conn(&mut self) -> Conn<'_> {
        match &mut self.begun {
            Begun::Sqlite(tx) => Conn::Sqlite(&mut *tx),
            Begun::Postgres(lease) => Conn::Postgres(lease.connection()),
        }
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn ended(&mut self, wrote: bool) {
        self.wrote |= wrote;
        if let Begun::Postgres(lease) = &mut self.begun {
            lease.done();
        }
    }

    fn failed(&mut self, fault: &Fault) {
        if fault.kind == FaultKind::Unavailable {
            self.last_write.has_failed(fault);
        }
    }
}

impl Tx {
    /// Records that an audit event was written, to be counted after the commit.
    pub fn note_event(&mut self, kind: EventKind) {
        self.recorded.push(kind);
    }

    /// Commits.
    ///
    /// # Errors
    /// When the commit may have failed; then nothing may be acknowledged.
    pub async fn commit(self) -> Result<(), Fault> {
        let deadline = self.deadline;
        // A COMMIT cannot be cancelled once sent: work that is already late would be reported as rolled back,
        // but be committed.
        if Instant::now() >= deadline {
            self.rollback().await;
            return Err(Fault::unavailable("the work was not done in time to be committed"));
        }
        let (wrote, last_write) = (self.wrote, self.last_write);
        let (metrics, recorded) = (self.metrics, self.recorded);
        let committed = async {
            match self.begun {
                Begun::Sqlite(tx) => tx.commit().await,
                Begun::Postgres(mut lease) => lease.turn("COMMIT".into_sql_str(), false).await,
            }
        };
        let outcome = with_deadline(deadline, "committing", committed).await;
        match &outcome {
            Ok(()) => {
                metrics.recorded(&recorded);
                if wrote {
                    last_write.is_now();
                }
            }
            Err(fault) => last_write.has_failed(fault),
        }
        outcome
    }

    /// Rolls back. If that takes too long, it is left to the database, which rolls back when the connection ends.
    pub async fn rollback(self) {
        let deadline = self.deadline.max(Instant::now() + ROLLBACK_WAIT);
        let done = async {
            match self.begun {
                Begun::Sqlite(tx) => tx.rollback().await,
                Begun::Postgres(mut lease) => lease.turn("ROLLBACK".into_sql_str(), false).await,
            }
        };
        if let Err(fault) = with_deadline(deadline, "rolling back", done).await {
            tracing::debug!(%fault, "a transaction was left to the database");
        }
    }
}

/// Ends a unit of work: a refusal commits what it recorded (a revocation, a counter), a fault rolls back. So
/// callers must decide before they write.
///
/// # Errors
/// The error in `outcome`, or the fault of the commit.
pub async fn commit_unless_failed<T>(tx: Tx, outcome: Result<T, Failure>) -> Result<T, Failure> {
    match outcome {
        Err(Failure::Failed(fault)) => {
            tx.rollback().await;
            Err(Failure::Failed(fault))
        }
        settled => {
            tx.commit().await?;
            settled
        }
    }
}
