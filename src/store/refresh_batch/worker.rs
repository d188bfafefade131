//! Group commit for refreshes: many callers, one transaction.
//!
//! Owns the queue in front of the hot write. One fsync for each refresh would limit the server to a few
//! thousand a second; here up to 512 callers share one read, one write and one commit, and each is answered
//! only after the commit. `domain::refresh` decides, in the order of arrival, so two presentations of one
//! session conflict in memory as they would in the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::base::id::{BranchId, SessionId};
use crate::base::{Entropy, TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::liveness::{Inactive, active_session};
use crate::domain::outcome::{Fault, FaultKind};
use crate::domain::refresh::{Alarm, Answer, Decision, Holder, decide, decide_unrotated};
use crate::domain::scope::RequestedScopes;
use crate::domain::session::{EndReason, Lifetimes, Session};
use crate::domain::token_rules::MAX_ACCESS_TTL;

use super::sql::{self, Change, Found};
use crate::store::attributes::StoredSubject;
use crate::store::db::Db;
use crate::store::sessions::end::{EndContext, Ending, end_session};
use crate::store::sessions::expiry::{ExpiredSession, record_expired};
use crate::store::{Tx, audit};

/// The most refreshes in one transaction.
const MAX_BATCH: usize = 512;
/// The most refreshes of one branch that may wait at a time.
const MAX_PER_BRANCH: usize = 64;
/// The most refreshes that may wait in all.
const MAX_WAITING: usize = 16 * 1024;
/// How often a refresh is decided again because of concurrent changes.
const MAX_ROUNDS: usize = 3;
/// The number of retries of a batch after the database broke a deadlock.
const MAX_DEADLOCKS: u32 = 5;

/// A genuine token that was presented.
pub struct Presentation {
    /// The branch it names.
    pub branch: BranchId,
    /// The counter it names.
    pub counter: u32,
    /// The time of the request.
    pub now: Timestamp,
    /// The origin of the request, for the audit trail.
    pub origin: Origin,
    /// The caller that presents it. A session of another party is not changed.
    pub holder: Holder,
    /// The new idle lifetime of the session.
    pub idle: TimeSpan,
    /// The requested scopes, if fewer than were granted.
    pub requested: Option<RequestedScopes>,
}

/// The result.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// Respond with tokens of this session; its chain names the current token.
    Answered(Box<Session>, Answer, Arc<StoredSubject>),
    /// The session was ended, because this token was presented.
    Compromised(Alarm),
    /// The session had already ended.
    Ended(Inactive),
    /// The session does not exist or no longer exists.
    Unknown,
    /// It belongs to another party; nothing changed.
    NotHolder,
    /// These scopes were not requested when the session was opened; nothing changed.
    ScopeExceeded(RequestedScopes),
}

struct Job {
    presentation: Presentation,
    since: Instant,
    reply: oneshot::Sender<Result<Refreshed, Fault>>,
}

/// The queue in front of the refresh transaction.
pub struct Refresher {
    queue: mpsc::Sender<Job>,
}

struct Worker {
    db: Db,
    entropy: Arc<dyn Entropy>,
    lifetimes: Lifetimes,
}

impl Refresher {
    /// Starts the worker on the current runtime. It ends when the refresher is dropped.
    #[must_use]
    pub fn start(db: Db, entropy: Arc<dyn Entropy>, lifetimes: Lifetimes) -> Self {
        let (queue, jobs) = mpsc::channel(MAX_WAITING);
        let worker = Worker { db, entropy, lifetimes };
        tokio::spawn(worker.run(jobs));
        Self { queue }
    }

    /// Submits a presentation and waits for its commit. Cancelling is safe: the transaction continues without its
    /// caller.
    ///
    /// # Errors
    /// Unavailable when the queue is full or the database does not take it within two seconds.
    pub async fn present(&self, presentation: Presentation) -> Result<Refreshed, Fault> {
        let (reply, answer) = oneshot::channel();
        let job = Job { presentation, since: Instant::now(), reply };
        self.queue.try_send(job).map_err(|_| Fault::unavailable("the refresh queue is full"))?;
        answer.await.map_err(|_| Fault::internal("the refresh worker ended"))?
    }

    /// The approximate number of waiting callers.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl Worker {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            if jobs.recv_many(&mut batch, MAX_BATCH).await == 0 {
                return;
            }
            let admitted = self.admit(std::mem::take(&mut batch));
            if !admitted.is_empty() {
                self.serve(admitted).await;
            }
        }
    }

    /// Serves a batch to the end: every job is answered when this returns.
    async fn serve(&self, jobs: Vec<Job>) {
        for _ in 0..MAX_ROUNDS {
            let presentations: Vec<&Presentation> =
                jobs.iter().map(|job| &job.presentation).collect();
            self.db.metrics().batch(presentations.len());
            let patience = self.patience(&jobs);
            match self.attempt(&presentations, patience).await {
                Ok(Some(outcomes)) => {
                    for (job, outcome) in jobs.into_iter().zip(outcomes) {
                        drop(job.reply.send(outcome));
                    }
                    return;
                }
                Ok(None) => {}
                Err(fault) if fault.kind == FaultKind::Unavailable || jobs.len() == 1 => {
                    refuse(jobs, &fault);
                    return;
                }
                Err(fault) => {
                    // Not the disk, a lock or the connection: one row makes the statement fail for all. Each
                    // job gets its own transaction, once.
                    tracing::error!(%fault, "a batch of refreshes failed; retrying one by one");
                    for job in jobs {
                        self.serve_alone(job).await;
                    }
                    return;
                }
            }
        }
        refuse(jobs, &Fault::unavailable("the session kept changing concurrently"));
    }

    async fn serve_alone(&self, job: Job) {
        let patience = self.patience(std::slice::from_ref(&job));
        let result = match self.attempt(&[&job.presentation], patience).await {
            Ok(outcomes) => outcomes.and_then(|mut outcomes| outcomes.pop()).unwrap_or_else(|| {
                Err(Fault::unavailable("the session kept changing concurrently"))
            }),
            Err(fault) => Err(fault),
        };
        drop(job.reply.send(result));
    }

    /// One transaction for the whole batch, retried after a deadlock. `None`, without a change, when another
    /// process changed a row between reading and writing: decide again.
    async fn attempt(
        &self,
        presentations: &[&Presentation],
        patience: Duration,
    ) -> Result<Option<Vec<Outcome>>, Fault> {
        let mut tries = 0;
        loop {
            let mut tx = self.db.begin_within(patience).await?;
            let outcome = match self.decide_and_write(&mut tx, presentations).await {
                Ok(Some(outcomes)) => tx.commit().await.map(|()| Some(outcomes)),
                Ok(None) => {
                    tx.rollback().await;
                    Ok(None)
                }
                Err(fault) => {
                    tx.rollback().await;
                    Err(fault)
                }
            };
            match outcome {
                Err(fault) if crate::store::error::is_deadlock(&fault) && tries < MAX_DEADLOCKS => {
                    tries += 1;
                    let jitter: [u8; 1] = crate::base::entropy::random(&*self.entropy);
                    tokio::time::sleep(Duration::from_millis(u64::from(jitter[0] % 16) + 1)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn decide_and_write(
        &self,
        tx: &mut Tx,
        presentations: &[&Presentation],
    ) -> Result<Option<Vec<Outcome>>, Fault> {
        let mut ids: Vec<BranchId> = presentations.iter().map(|p| p.branch).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut rows = sql::read(tx, &ids).await?;
        let mut changes: HashMap<BranchId, Change> = HashMap::new();
        let mut events: Vec<(usize, Event)> = Vec::new();
        let mut endings: Vec<(usize, SessionId, Ending)> = Vec::new();
        let mut expired: Vec<ExpiredSession> = Vec::new();
        let mut outcomes = Vec::with_capacity(presentations.len());

        for (index, presentation) in presentations.iter().enumerate() {
            let outcome = match rows.get_mut(&presentation.branch) {
                None => Ok(Refreshed::Unknown),
                Some(Err(fault)) => {
                    Err(Fault::internal(fault.doing).with_source(fault.to_string()))
                }
                Some(Ok(found)) => {
                    let (refreshed, event) = self.decide(found, presentation, &mut changes);
                    events.extend(event.map(|event| (index, event)));
                    if let Refreshed::Ended(Inactive::Expired(_)) = refreshed {
                        let Presentation { origin, now, .. } = presentation;
                        expired.push(ExpiredSession::noticed(&found.session, origin, *now));
                    }
                    if let Refreshed::Compromised(alarm) = refreshed {
                        let (session, ending) = (found.session.id, ending(alarm));
                        endings.push((index, session, ending));
                        // Every branch of the session, for later presentations in this batch.
                        let at = presentation.now;
                        for found in rows.values_mut().flatten() {
                            if found.session.id == session {
                                found.session.revoked = Some((at, reason(alarm)));
                            }
                        }
                    }
                    Ok(refreshed)
                }
            };
            outcomes.push(outcome);
        }

        if !changes.is_empty() {
            let changes: Vec<Change> = changes.into_values().collect();
            if sql::write(tx, &changes).await? != changes.len() {
                return Ok(None);
            }
        }
        for (index, event) in events {
            let presentation = presentations[index];
            let entropy = &*self.entropy;
            audit::record(tx, &event, &presentation.origin, presentation.now, entropy).await?;
        }
        for (index, session, ending) in endings {
            let presentation = presentations[index];
            let context = EndContext {
                origin: &presentation.origin,
                now: presentation.now,
                entropy: &*self.entropy,
                // The maximum, because the configured lifetimes are not known here.
                longest_access_ttl: MAX_ACCESS_TTL,
            };
            end_session(tx, session, ending, &context).await?;
        }
        record_expired(tx, &expired, &*self.entropy).await?;
        Ok(Some(outcomes))
    }

    /// Decides one presentation and applies it to the row in memory, for the next one of the same branch in this
    /// batch.
    fn decide(
        &self,
        found: &mut Found,
        presentation: &Presentation,
        changes: &mut HashMap<BranchId, Change>,
    ) -> (Refreshed, Option<Event>) {
        if !presentation.holder.holds(&found.session) {
            return (Refreshed::NotHolder, None);
        }
        let requested = presentation.requested.as_ref();
        let more = requested.map(|requested| found.session.never_requested(requested));
        if let Some(more) = more.filter(|more| !more.is_empty()) {
            return (Refreshed::ScopeExceeded(more), None);
        }
        let now = presentation.now;
        let was = found.session.chain.current;
        let window = self.lifetimes.retry_window;
        let client = presentation.holder.client_state();
        let standing = active_session(&found.session, found.user, client, now);
        let decision = if presentation.holder.rotates() {
            decide(standing, presentation.counter, now, window)
        } else {
            match decide_unrotated(standing, presentation.counter, now) {
                Some(decision) => decision,
                None => return (Refreshed::NotHolder, None),
            }
        };
        let session = &mut found.session;
        let about = |kind| Event::new(kind).about(session.user_id).in_session(session.id);
        let (refreshed, event) = match decision {
            Decision::Dead(inactive) => return (Refreshed::Ended(inactive), None),
            Decision::Answered { answer, next } => {
                let event =
                    (answer == Answer::Supersede).then(|| about(EventKind::RefreshSuperseded));
                session.chain = next;
                if matches!(answer, Answer::Rotate | Answer::Keep) {
                    session.idle_expires_at = session.extended(now, presentation.idle);
                }
                let subject = Arc::clone(&found.subject);
                (Refreshed::Answered(Box::new(session.clone()), answer, subject), event)
            }
            Decision::Alarmed(alarm) => return (Refreshed::Compromised(alarm), None),
        };
        let change = changes.entry(session.branch).or_insert_with(|| Change {
            id: session.branch,
            was,
            chain: session.chain,
            idle_expires_at: session.idle_expires_at,
        });
        change.chain = session.chain;
        change.idle_expires_at = session.idle_expires_at;
        (refreshed, event)
    }

    /// Refuses jobs that have already waited too long, or that exceed the limit of one branch.
    fn admit(&self, batch: Vec<Job>) -> Vec<Job> {
        let mut per_branch: HashMap<BranchId, usize> = HashMap::new();
        let mut admitted = Vec::with_capacity(batch.len());
        for job in batch {
            let waiting = per_branch.entry(job.presentation.branch).or_default();
            *waiting += 1;
            if job.since.elapsed() >= self.db.deadlines().write() {
                let fault = Fault::unavailable("the database did not take a refresh in time");
                drop(job.reply.send(Err(fault)));
            } else if *waiting > MAX_PER_BRANCH {
                let fault = Fault::unavailable("too many refreshes of one session at once");
                drop(job.reply.send(Err(fault)));
            } else {
                admitted.push(job);
            }
        }
        admitted
    }

    /// The time left to the refresh that has waited longest.
    fn patience(&self, jobs: &[Job]) -> Duration {
        let oldest = jobs.iter().map(|job| job.since.elapsed()).max().unwrap_or_default();
        self.db.deadlines().write().saturating_sub(oldest).max(Duration::from_millis(50))
    }
}

/// The reason for which a session ends after this alarm.
const fn reason(alarm: Alarm) -> EndReason {
    match alarm {
        Alarm::SupersededUsed | Alarm::OlderUsed | Alarm::SupersededTooOften => {
            EndReason::ReuseDetected
        }
        Alarm::Ahead => EndReason::RollbackDetected,
    }
}

const fn ending(alarm: Alarm) -> Ending {
    Ending::of(reason(alarm)).detail(match alarm {
        Alarm::SupersededUsed => "superseded_token_used",
        Alarm::OlderUsed => "older_token_used",
        Alarm::SupersededTooOften => "superseded_too_often",
        Alarm::Ahead => "counter_ahead",
    })
}

/// The result for one caller.
type Outcome = Result<Refreshed, Fault>;

fn refuse(jobs: Vec<Job>, fault: &Fault) {
    for job in jobs {
        drop(job.reply.send(Err(fault.shared())));
    }
}
