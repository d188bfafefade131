//! Background jobs: checkpoints, cache reloads, housekeeping and others.
//!
//! Owns their schedule. Each job is a loop on the storage runtime that survives its own failures.

mod backchannel_logout;
mod backups;
mod config_drift;
mod heartbeat;
mod housekeeping;
pub mod key_rotation;
mod login_retention;
mod logout_walks;
mod mail;
mod sampling;
mod user_words;

use std::time::Duration;

use crate::app::App;
use crate::domain::outcome::Fault;

#[cfg(feature = "test-support")]
pub use backchannel_logout::{
    deliver as deliver_logout_notices, write_next as write_logout_notices,
};
#[cfg(feature = "test-support")]
pub use backups::{BackupRun, back_up};
#[cfg(feature = "test-support")]
pub use config_drift::compare as compare_drift;
pub use heartbeat::leave;
#[cfg(feature = "test-support")]
pub use heartbeat::{beat, compare_settings};
#[cfg(feature = "test-support")]
pub use housekeeping::{MAX_ROWS, Removed};
pub use housekeeping::{housekeep, sweep};
pub use login_retention::prune_logins;
#[cfg(feature = "test-support")]
pub use mail::deliver as deliver_mail;
#[cfg(feature = "test-support")]
pub use sampling::{count, sample};
pub use user_words::complete as complete_user_words;

/// How often the write-ahead log is checkpointed.
const CHECKPOINT: Duration = Duration::from_millis(250);
/// How often the cache version is checked.
const RELOAD: Duration = Duration::from_secs(1);
/// The interval of the heartbeat, which also follows the clock of the database.
const BEAT: Duration = Duration::from_secs(10);
/// How often the settings of the processes are compared.
const COMPARE: Duration = Duration::from_secs(60);
/// How often the plan of key rotation is checked.
const KEYS: Duration = Duration::from_secs(10);
/// How often decoys are adapted to the stored hashes.
const DECOYS: Duration = Duration::from_secs(10);
/// How often the outbox of logout notices is checked.
const NOTICES: Duration = Duration::from_secs(1);
/// How often the outbox of mail is checked.
const MAIL: Duration = Duration::from_secs(1);
/// How often findings about requests of clients are stored.
const FINDINGS: Duration = Duration::from_secs(2);
/// How often refused sign-in attempts are stored.
const REFUSALS: Duration = Duration::from_secs(1);
/// How often sizes and queues in the database are read for the metrics.
const SAMPLE: Duration = Duration::from_secs(30);
/// How often users and sessions are counted for the metrics.
const COUNT: Duration = Duration::from_secs(5 * 60);
/// How often event counts for charts are stored.
const ACTIVITY: Duration = Duration::from_secs(60);
/// How often housekeeping runs when the last run found nothing to do.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// How often it is checked whether a backup is due.
const BACKUPS: Duration = Duration::from_secs(30);
/// How often drift is counted.
const DRIFT: Duration = Duration::from_secs(5 * 60);
/// How often idle sessions are searched for.
const SWEEP: Duration = Duration::from_secs(30 * 60);

/// Starts every job on the current runtime. They end with it.
pub fn start(app: &App) {
    tokio::spawn(every(app.clone(), CHECKPOINT, "checkpointing", async |app: &App| {
        app.db.checkpoint().await
    }));
    tokio::spawn(every(app.clone(), RELOAD, "reloading", async |app: &App| {
        app.reload_if_changed().await?;
        key_rotation::follow_orders(app).await
    }));
    tokio::spawn(at_start_and_every(app.clone(), BEAT, "the heartbeat", heartbeat::beat));
    tokio::spawn(at_start_and_every(
        app.clone(),
        COMPARE,
        "comparing settings",
        heartbeat::compare_settings,
    ));
    tokio::spawn(every(app.clone(), KEYS, "the life of signing keys", async |app: &App| {
        key_rotation::tick(app).await.map(drop)
    }));
    tokio::spawn(every(app.clone(), DECOYS, "following password costs", async |app: &App| {
        app.follow_stored_costs().await
    }));
    let queues = backchannel_logout::Queues::default();
    tokio::spawn(every(app.clone(), NOTICES, "sending logout notices", async move |app: &App| {
        backchannel_logout::begin(app, &queues).await.map(drop)
    }));
    tokio::spawn(every(app.clone(), MAIL, "delivering mail", mail::deliver));
    tokio::spawn(every(
        app.clone(),
        FINDINGS,
        "storing findings about clients",
        async |app: &App| app.write_client_findings().await,
    ));
    tokio::spawn(every(app.clone(), REFUSALS, "writing refused attempts", async |app: &App| {
        app.write_refusals().await
    }));
    tokio::spawn(user_words::write_until_complete(app.clone()));
    tokio::spawn(at_start_and_every(app.clone(), SAMPLE, "sampling", sampling::sample));
    tokio::spawn(at_start_and_every(app.clone(), COUNT, "counting", sampling::count));
    tokio::spawn(every(app.clone(), ACTIVITY, "storing counts for charts", async |app: &App| {
        app.write_activity().await
    }));
    tokio::spawn(every(app.clone(), HOUSEKEEPING, "housekeeping", async |app: &App| {
        housekeep(app, app.now()).await?;
        prune_logins(app, app.now()).await.map(drop)
    }));
    tokio::spawn(every(app.clone(), BACKUPS, "making a backup", async |app: &App| {
        backups::back_up(app).await.map(drop)
    }));
    tokio::spawn(at_start_and_every(
        app.clone(),
        DRIFT,
        "checking the configuration for drift",
        config_drift::compare,
    ));
    tokio::spawn(every(app.clone(), SWEEP, "removing idle sessions", async |app: &App| {
        sweep(app, app.now()).await.map(drop)
    }));
}

async fn at_start_and_every<F>(app: App, pause: Duration, what: &'static str, job: F)
where
    F: AsyncFn(&App) -> Result<(), Fault>,
{
    if let Err(fault) = job(&app).await {
        tracing::warn!(%fault, "{what} failed; it will be retried");
    }
    every(app, pause, what, job).await;
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
            // Logged once when it begins to fail, not every second.
            Err(fault) if !failing => {
                failing = true;
                tracing::warn!(%fault, "{what} failed; it will be retried");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_are_at_most_a_minute_late() {
        assert!(ACTIVITY <= Duration::from_secs(60));
    }
}
