//! Reading sessions for many callers in one statement.
//!
//! Owns the queue in front of it. Every token that comes back asks whether its session is alive, and
//! nobody may be told what was true before he asked: nothing is remembered. But whoever asks while a
//! reading is under way waits for the next one, and that one is for all of them.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use crate::base::id::SessionId;
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::domain::user::User;

use super::db::{Db, count_statement};
use super::sessions;

/// The most sessions in one statement.
const MAX_BATCH: usize = 512;
/// The most callers that may wait in all.
const MAX_WAITING: usize = 16 * 1024;

/// A session and its user, as both are now.
pub type Held = (Session, User);

struct Job {
    session: SessionId,
    reply: oneshot::Sender<Result<Option<Held>, Fault>>,
}

/// The queue in front of the reading.
pub struct SessionLoader {
    queue: mpsc::Sender<Job>,
}

impl SessionLoader {
    /// Starts the worker on the current runtime. It ends when the lookup is dropped.
    #[must_use]
    pub fn start(db: Db) -> Self {
        let (queue, jobs) = mpsc::channel(MAX_WAITING);
        tokio::spawn(run(db, jobs));
        Self { queue }
    }

    /// A session and its user, read after this was called. Safe to cancel.
    ///
    /// # Errors
    /// Unavailable when too many wait; what the database says.
    pub async fn session(&self, session: SessionId) -> Result<Option<Held>, Fault> {
        // One share of a statement.
        count_statement();
        let (reply, answer) = oneshot::channel();
        let job = Job { session, reply };
        self.queue.try_send(job).map_err(|_| Fault::unavailable("the session queue is full"))?;
        answer.await.map_err(|_| Fault::internal("the session reader ended"))?
    }
}

async fn run(db: Db, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while jobs.recv_many(&mut batch, MAX_BATCH).await > 0 {
        // Whoever hung up needs no answer.
        batch.retain(|job| !job.reply.is_closed());
        let mut ids: Vec<SessionId> = batch.iter().map(|job| job.session).collect();
        ids.sort_unstable();
        ids.dedup();
        match read(&db, &ids).await {
            Ok(mut found) => answer(batch.drain(..), &mut found),
            Err(fault) => batch.drain(..).for_each(|job| {
                drop(job.reply.send(Err(fault.shared())));
            }),
        }
    }
}

async fn read(
    db: &Db,
    ids: &[SessionId],
) -> Result<HashMap<SessionId, Result<Held, Fault>>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    sessions::with_users(&mut db.reader().await?, ids).await
}

fn answer(jobs: impl Iterator<Item = Job>, found: &mut HashMap<SessionId, Result<Held, Fault>>) {
    for job in jobs {
        let held = match found.get(&job.session) {
            None => Ok(None),
            Some(Ok(held)) => Ok(Some(held.clone())),
            Some(Err(fault)) => Err(fault.shared()),
        };
        drop(job.reply.send(held));
    }
}
