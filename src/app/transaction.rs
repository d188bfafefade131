//! The two forms of transaction a use case is written in.
//!
//! Owns begin and commit, the deadline, the audit context and the retry after a serialization failure or a
//! deadlock. The form decides what a refusal does: [`App::transaction`] commits what was recorded before the
//! refusal, [`App::transaction_or_nothing`] rolls it back. A fault rolls back in both.
//!
//! These places begin a plain `Tx` themselves; an architecture test holds the same list:
//!
//! * `store`: migrations, and the batched refresh, which begins within the time its callers have left.
//! * `app/startup` and `app/keys`: run before there is an `App`.
//! * `app/activity.rs`: counts collected in memory, written by a job. Audits nothing.
//! * `app/client_findings.rs`: counts collected in memory, written by a job. Audits nothing.
//! * `app/refusal_log.rs`: refused attempts counted in memory, written to the audit trail by a job.
//! * `app/clock_guard.rs`: one statement that serves no request and audits nothing.
//! * `app/write_probe.rs`: one row that tests whether the database can be written. Audits nothing.
//! * `oauth/grant.rs`: a grant begins its transaction when it first needs one, and some need none. The pipeline
//!   ends it for every grant, and retries like these forms.
//! * `oauth/replay.rs`: must not run again. After a commit whose result is unknown, the second run
//!   would find the mark of the first and report a replay.
//! * `identity/lockout.rs`: a counted attempt commits, an attempt over the limit rolls back, so that a
//!   flood of them costs no disk. Audits nothing.
//! * `admin/verifiers.rs`: counts collected in memory, written in batches. Audits nothing.
//! * `jobs`: serve no request. The next run repeats what failed.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::id::SessionId;
use crate::domain::audit::Event;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::store::db::Conn;
use crate::store::error::{is_deadlock, is_missing_reference};
use crate::store::revocations::{self, Revoked};
use crate::store::sessions::end::{EndContext, EndedSession, Ending, end_session};
use crate::store::{Link, Tx, audit};

use super::App;

/// How often a transaction is retried after a serialization failure or a deadlock.
const RETRIES: u32 = 2;

/// The runs of one unit of work. They share one deadline, so that a conflict does not make the caller wait longer.
pub struct Runs {
    deadline: Instant,
    left: u32,
}

impl Runs {
    /// For work with this deadline.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline, left: RETRIES }
    }

    /// Whether the work runs again after `outcome`, which rolled everything back.
    pub fn again<T>(&mut self, outcome: &Result<T, Failure>) -> bool {
        let Err(Failure::Failed(fault)) = outcome else { return false };
        let again = self.left > 0 && is_deadlock(fault) && Instant::now() < self.deadline;
        if again {
            self.left -= 1;
            tracing::debug!(%fault, "a transaction runs again");
        }
        again
    }
}

/// A [`Tx`] for statements, with the audit context of the request.
pub struct AuditedTx {
    tx: Tx,
    // Owned, because with a lifetime the compiler cannot prove that the future of a use case is `Send`.
    app: App,
    info: Arc<RequestInfo>,
}

impl AuditedTx {
    /// The application.
    #[must_use]
    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// The request.
    #[must_use]
    pub fn info(&self) -> Arc<RequestInfo> {
        Arc::clone(&self.info)
    }

    /// Records an event in the audit trail, with the change it belongs to.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record(&mut self, event: &Event) -> Result<(), Fault> {
        let RequestInfo { origin, now, device, client_id, .. } = &*self.info;
        let event = event.clone().seen_in(device, client_id.as_deref());
        audit::record(&mut self.tx, &event, origin, *now, &*self.app.entropy).await
    }

    /// The transaction, and the context for ending sessions.
    pub fn for_ending(&mut self) -> (&mut Tx, EndContext<'_>) {
        let Self { tx, app, info } = self;
        let context = EndContext {
            origin: &info.origin,
            now: info.now,
            entropy: &*app.entropy,
            longest_access_ttl: app.longest_access_ttl(),
        };
        (tx, context)
    }

    /// Ends a session with all its branches. `None` if it does not exist or has ended before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_session(
        &mut self,
        id: SessionId,
        ending: Ending,
    ) -> Result<Option<EndedSession>, Fault> {
        let (tx, context) = self.for_ending();
        end_session(tx, id, ending, &context).await
    }

    /// Revokes all tokens of a client, or for an API, that were issued before now.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cut(&mut self, revoked: Revoked<'_>) -> Result<(), Fault> {
        let (now, longest) = (self.info.now, self.app.longest_access_ttl());
        revocations::insert(&mut self.tx, revoked, now, now + longest).await
    }

    async fn end(self, commits: bool) -> Result<(), Fault> {
        if commits {
            return self.tx.commit().await;
        }
        self.tx.rollback().await;
        Ok(())
    }
}

impl Deref for AuditedTx {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for AuditedTx {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

impl Link for AuditedTx {
    fn conn(&mut self) -> Conn<'_> {
        self.tx.conn()
    }

    fn deadline(&self) -> Instant {
        self.tx.deadline()
    }

    fn ended(&mut self, wrote: bool) {
        self.tx.ended(wrote);
    }

    fn failed(&mut self, fault: &Fault) {
        self.tx.failed(fault);
    }
}

/// The refusal of work on a user or a client that another request has deleted in the meantime. Nothing was written.
fn or_deleted(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(fault) if is_missing_reference(&fault) => {
            tracing::warn!(%fault, "a row that the request refers to was deleted");
            Refusal::because(Code::Conflict, Reason::Deleted).into()
        }
        other => other,
    }
}

/// The effect of a refusal on its transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnRefusal {
    Commit,
    Rollback,
}

impl App {
    /// Runs `work` in a transaction that commits successes and refusals: what was recorded before a refusal (a
    /// revocation, a counter, an audit event) stays. A fault rolls back. So `work` must decide before it writes.
    ///
    /// `work` may run again, in a new transaction, after a serialization failure or a deadlock. It must have no
    /// effects outside of its transaction. `Clone` enforces part of this: a closure that consumes or changes its
    /// captures is not `Clone`.
    ///
    /// # Errors
    /// The errors of `work`, or the fault of the commit.
    pub async fn transaction<T>(
        &self,
        info: &RequestInfo,
        work: impl AsyncFnOnce(&mut AuditedTx) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        self.attempt(info, OnRefusal::Commit, self.db.deadlines().write(), work).await
    }

    /// Runs `work` in a transaction that commits successes only: a refusal rolls back like a fault. For work whose
    /// first steps must not survive the refusal of a later one.
    ///
    /// `work` may run again, as in [`App::transaction`].
    ///
    /// # Errors
    /// The errors of `work`, or the fault of the commit.
    pub async fn transaction_or_nothing<T>(
        &self,
        info: &RequestInfo,
        work: impl AsyncFnOnce(&mut AuditedTx) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        self.attempt(info, OnRefusal::Rollback, self.db.deadlines().write(), work).await
    }

    /// The same with a longer deadline, for changes of many objects at once.
    ///
    /// # Errors
    /// As [`App::transaction_or_nothing`].
    pub async fn run_or_nothing<T>(
        &self,
        info: &RequestInfo,
        work: impl AsyncFnOnce(&mut AuditedTx) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        self.attempt(info, OnRefusal::Rollback, self.db.deadlines().run(), work).await
    }

    async fn attempt<T>(
        &self,
        info: &RequestInfo,
        on_refusal: OnRefusal,
        patience: Duration,
        work: impl AsyncFnOnce(&mut AuditedTx) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + patience;
        let mut runs = Runs::until(deadline);
        let info = Arc::new(info.clone());
        loop {
            let mut tx = self.begin(&info, deadline).await?;
            // Boxed, because the state of a use case has thousands of bytes, which each caller would hold and move.
            let outcome = Box::pin(work.clone()(&mut tx)).await;
            let commits = match &outcome {
                Ok(_) => true,
                Err(Failure::Refused(_)) => on_refusal == OnRefusal::Commit,
                Err(Failure::Failed(_)) => false,
            };
            let ended = tx.end(commits).await.map_err(Failure::from).and(outcome);
            if !runs.again(&ended) {
                return ended.map_err(or_deleted);
            }
        }
    }

    // This and `end` are not generic, so that their code exists once and not for each use case.
    async fn begin(&self, info: &Arc<RequestInfo>, deadline: Instant) -> Result<AuditedTx, Fault> {
        let tx = self.db.begin_until(deadline).await?;
        Ok(AuditedTx { tx, app: self.clone(), info: Arc::clone(info) })
    }
}
