//! What happens by itself: checkpoints, reloading, housekeeping.
//!
//! Owns when; what is done is defined elsewhere. Each job is a loop on the storage runtime that
//! survives its own failures.

use std::time::Duration;

use crate::admin::key_life;
use crate::app::App;
use crate::base::Span;
use crate::base::Timestamp;
use crate::domain::limit::KNOWN_NETWORK;
use crate::domain::stop::Fault;
use crate::oauth::backchannel;
use crate::store::housekeeping;

/// How often the write-ahead log is folded into the database file.
const CHECKPOINT: Duration = Duration::from_millis(250);
/// How often the cache version is looked at.
const RELOAD: Duration = Duration::from_secs(1);
/// How often the plan of the signing keys is looked at.
const KEYS: Duration = Duration::from_secs(10);
/// How often the outbox is looked at.
const NOTICES: Duration = Duration::from_secs(1);
/// How often housekeeping runs when the last run found nothing to do.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// How many rows one housekeeping transaction may remove.
const STEP: i64 = 500;
/// How long a verifier that does not come any more is remembered.
const KEEP_VERIFIERS: Span = Span::from_days(30);
/// How long one that came once or twice is.
const KEEP_PASSERS_BY: Span = Span::from_days(2);
/// How long an ended session is kept for whoever asks why.
const KEEP_SESSIONS: Span = Span::from_days(1);

/// How long codes and the like are kept when their time is over: a code that comes a second time
/// within it is noticed.
const KEEP_PROVIDER: Span = Span::from_mins(60);
/// How long pushed requests and ids that count once are: strangers can have them written down, so there
/// are to be few. Not at once, because clocks are set back a little at times.
const KEEP_RUBBISH: Span = Span::from_mins(5);

/// Starts every job on the current runtime. They end with it.
pub fn start(app: &App) {
    tokio::spawn(every(app.clone(), CHECKPOINT, "checkpointing", async |app: &App| {
        app.db.checkpoint(false).await
    }));
    tokio::spawn(every(app.clone(), RELOAD, "reloading", async |app: &App| {
        app.reload_if_changed().await
    }));
    tokio::spawn(every(app.clone(), KEYS, "the life of signing keys", async |app: &App| {
        key_life::tick(app).await.map(drop)
    }));
    tokio::spawn(every(app.clone(), NOTICES, "telling clients of log-outs", async |app: &App| {
        backchannel::deliver(app).await
    }));
    tokio::spawn(every(app.clone(), HOUSEKEEPING, "housekeeping", async |app: &App| {
        housekeep(app, app.now()).await
    }));
}

async fn every<F>(app: App, pause: Duration, what: &'static str, job: F)
where
    F: AsyncFn(&App) -> Result<(), Fault>,
{
    let mut failing = false;
    loop {
        tokio::time::sleep(pause).await;
        match job(&app).await {
            Ok(()) => failing = false,
            // Said once when it begins to fail, not every second.
            Err(fault) if !failing => {
                failing = true;
                tracing::warn!(%fault, "{what} failed; it will be tried again");
            }
            Err(_) => {}
        }
    }
}

/// Removes what nobody needs any more, in small transactions with pauses between them. Nothing
/// while the clock is not believed: what looks over may not be.
///
/// # Errors
/// When the database cannot be written; the rest waits for the next run.
pub async fn housekeep(app: &App, now: Timestamp) -> Result<(), Fault> {
    if !app.clock_is_steady().await? {
        return Ok(());
    }
    loop {
        let mut removed = 0;
        let mut tx = app.db.begin().await?;
        removed += housekeeping::sessions(&mut tx, now - KEEP_SESSIONS, STEP).await?;
        removed += housekeeping::audit(&mut tx, now - app.config.audit_retention, STEP).await?;
        let (gone, passers_by) = (now - KEEP_VERIFIERS, now - KEEP_PASSERS_BY);
        removed += housekeeping::verifiers(&mut tx, gone, passers_by, STEP).await?;
        removed += housekeeping::counters(&mut tx, now, now - KNOWN_NETWORK, STEP).await?;
        let (gone, rubbish) = (now - KEEP_PROVIDER, now - KEEP_RUBBISH);
        removed += housekeeping::provider(&mut tx, gone, rubbish, STEP).await?;
        tx.commit().await?;
        if removed < u64::try_from(STEP).unwrap_or(0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
