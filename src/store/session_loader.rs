//! Reads sessions for many callers in one statement.
//!
//! Owns the queue before it. Every presented token needs the state of its session and of its own revocation.
//! Nothing is cached: a caller must not get the result of a read that began before its call. Callers that
//! arrive during a read share the next one.

use tokio::sync::{mpsc, oneshot};

use crate::base::id::SessionId;
use crate::base::opaque_token::TokenHash;
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::domain::user::User;

use super::db::{Db, count_statement};
use super::sessions::{self, FoundSessions};

/// The most sessions in one statement.
const MAX_BATCH: usize = 512;
/// The most callers that may wait in all.
const MAX_WAITING: usize = 16 * 1024;

/// A session and its user, as currently stored.
#[derive(Debug, Clone)]
pub struct Held {
    /// The session.
    pub session: Session,
    /// Its user.
    pub user: User,
    /// Whether any of the given tokens was revoked.
    pub revoked: bool,
}

struct Job {
    session: SessionId,
    tokens: Vec<TokenHash>,
    reply: oneshot::Sender<Result<Option<Held>, Fault>>,
}

/// The queue in front of the reading.
pub struct SessionLoader {
    queue: mpsc::Sender<Job>,
}

impl SessionLoader {
    /// Starts the worker on the current runtime. It ends when the loader is dropped.
    #[must_use]
    pub fn start(db: Db) -> Self {
        let (queue, jobs) = mpsc::channel(MAX_WAITING);
        tokio::spawn(run(db, jobs));
        Self { queue }
    }

    /// A session and its user, read after this call, and whether any of `tokens` was revoked: the hashes of the ids
    /// of an access token and its ancestors. Safe to cancel.
    ///
    /// # Errors
    /// Unavailable when too many callers wait; faults of the database.
    pub async fn session(
        &self,
        session: SessionId,
        tokens: Vec<TokenHash>,
    ) -> Result<Option<Held>, Fault> {
        // Counts as a statement of this caller.
        count_statement();
        let (reply, answer) = oneshot::channel();
        let job = Job { session, tokens, reply };
        self.queue.try_send(job).map_err(|_| Fault::unavailable("the session queue is full"))?;
        answer.await.map_err(|_| Fault::internal("the session reader ended"))?
    }
}

async fn run(db: Db, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while jobs.recv_many(&mut batch, MAX_BATCH).await > 0 {
        // A caller that has disconnected is removed.
        batch.retain(|job| !job.reply.is_closed());
        if batch.is_empty() {
            continue;
        }
        match read(&db, &batch).await {
            Ok(found) => answer(batch.drain(..), &found),
            Err(fault) => batch.drain(..).for_each(|job| {
                drop(job.reply.send(Err(fault.shared())));
            }),
        }
    }
}

async fn read(db: &Db, batch: &[Job]) -> Result<FoundSessions, Fault> {
    let mut ids: Vec<SessionId> = batch.iter().map(|job| job.session).collect();
    ids.sort_unstable();
    ids.dedup();
    // In the order of the jobs, on which `answer` relies.
    let tokens: Vec<TokenHash> = batch.iter().flat_map(|job| job.tokens.iter().cloned()).collect();
    sessions::with_users(&mut db.reader().await?, &ids, &tokens).await
}

fn answer(jobs: impl Iterator<Item = Job>, found: &FoundSessions) {
    let mut first = 0;
    for job in jobs {
        let places = first..first + job.tokens.len();
        first = places.end;
        let held = match found.sessions.get(&job.session) {
            None => Ok(None),
            Some(Ok((session, user))) => Ok(Some(Held {
                session: session.clone(),
                user: user.clone(),
                revoked: places.into_iter().any(|place| found.spent.contains(&place)),
            })),
            Some(Err(fault)) => Err(fault.shared()),
        };
        drop(job.reply.send(held));
    }
}
