//! `SIGNET_BACKUP_SCHEDULE`: makes backups when they are due, and removes those that are not kept.
//!
//! One process at a time does it, by a lease in the database. A failed run is an event and counted, is repeated after an
//! hour, and changes nothing about readiness.

use std::time::Duration;

use crate::admin::backups::{self, BACKUP_JOB, BackupError, Created};
use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind};
use crate::domain::backup_schedule::{BackupSchedule, RETRY};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::request_info::RequestInfo;
use crate::store::scheduled_jobs;

/// How long the lease lasts without being extended: after that time another process takes over from one that died.
const LEASE: TimeSpan = TimeSpan::from_mins(5);
/// How often it is extended.
const EXTEND: Duration = Duration::from_secs(60);
/// The longest detail of an event, in characters.
const DETAIL: usize = 200;

/// What a run of the job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRun {
    /// No backup is due, or one failed less than an hour ago.
    NotDue,
    /// Another process makes it.
    Elsewhere,
    /// It was made and verified.
    Made,
    /// It failed; the audit trail and the log have the reason.
    Failed,
}

/// Makes a backup if one is due.
///
/// # Errors
/// When the database cannot be read or written. The next run continues.
pub async fn back_up(app: &App) -> Result<BackupRun, Fault> {
    let schedule = app.config.backups.schedule;
    if schedule == BackupSchedule::Off || !app.clock_is_steady().await? {
        return Ok(BackupRun::NotDue);
    }
    let now = app.now();
    let is_due = |runs: scheduled_jobs::JobRuns| {
        let waits = runs.failed_at.is_some_and(|at| at <= now && now < at + RETRY);
        !waits && schedule.due_since(runs.succeeded_at, now).is_some()
    };
    if !is_due(scheduled_jobs::runs(&mut app.db.reader().await?, BACKUP_JOB).await?) {
        return Ok(BackupRun::NotDue);
    }
    if !take(app, now).await? {
        return Ok(BackupRun::Elsewhere);
    }
    // Another process may have made it before this one got the lease.
    let runs = scheduled_jobs::runs(&mut app.db.reader().await?, BACKUP_JOB).await?;
    let run = if is_due(runs) { run(app, now).await } else { Ok(BackupRun::NotDue) };
    let mut tx = app.db.begin().await?;
    scheduled_jobs::release(&mut tx, BACKUP_JOB, app.process.id()).await?;
    tx.commit().await?;
    note_state(app).await?;
    run
}

/// Takes the lease. False while it is taken.
async fn take(app: &App, now: Timestamp) -> Result<bool, Fault> {
    let mut tx = app.db.begin().await?;
    let holder = app.process.id();
    let taken = scheduled_jobs::take(&mut tx, BACKUP_JOB, holder, now, now + LEASE).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn extend(app: &App) -> Result<bool, Fault> {
    let mut tx = app.db.begin().await?;
    let until = app.now() + LEASE;
    let extended = scheduled_jobs::extend(&mut tx, BACKUP_JOB, app.process.id(), until).await?;
    tx.commit().await?;
    Ok(extended)
}

async fn run(app: &App, now: Timestamp) -> Result<BackupRun, Fault> {
    match create(app, now).await {
        Ok(created) => {
            app.metrics.count_backup("ok");
            tracing::info!("a backup was made and verified: {}", created.path.display());
            remove_old(app).await;
            Ok(BackupRun::Made)
        }
        Err(error) => {
            app.metrics.count_backup("failed");
            tracing::error!(%error, "the scheduled backup failed; it will be retried in an hour");
            note_failure(app, now, &error).await?;
            Ok(BackupRun::Failed)
        }
    }
}

/// Makes the backup, and extends the lease meanwhile.
async fn create(app: &App, now: Timestamp) -> Result<Created, BackupError> {
    let (settings, info) = (&app.config.backups, RequestInfo::system(now));
    let mut made = Box::pin(backups::create(app, &settings.directory, &settings.recipients, &info));
    loop {
        tokio::select! {
            made = &mut made => return made,
            () = tokio::time::sleep(EXTEND) => {
                match extend(app).await {
                    Ok(true) => {}
                    Ok(false) => tracing::warn!("another process has taken the lease on the backup"),
                    Err(fault) => {
                        tracing::warn!(%fault, "the lease on the backup could not be extended");
                    }
                }
            }
        }
    }
}

/// Applies `SIGNET_BACKUP_KEEP` after a backup was made. What fails is done after the next one.
async fn remove_old(app: &App) {
    let settings = &app.config.backups;
    match backups::retain(&settings.directory, settings.keep).await {
        Ok(retained) => {
            for name in retained.damaged {
                tracing::warn!(
                    "the backup {name} is damaged: its content is not what its name says"
                );
            }
            for failed in retained.failed {
                tracing::warn!("in the directory of the backups {failed}");
            }
            for name in retained.removed {
                tracing::info!(
                    "the backup {name} was removed: SIGNET_BACKUP_KEEP does not keep it"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "old backups were not removed"),
    }
}

async fn note_failure(app: &App, now: Timestamp, error: &BackupError) -> Result<(), Fault> {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let event =
        Event::new(EventKind::BackupFailed).detail(first.chars().take(DETAIL).collect::<String>());
    let noted = app
        .transaction_or_nothing(&RequestInfo::system(now), async |tx| {
            scheduled_jobs::note_failure(tx, BACKUP_JOB, now).await?;
            Ok(tx.record(&event).await?)
        })
        .await;
    noted.map_err(|failure| match failure {
        Failure::Failed(fault) => fault,
        Failure::Refused(_) => Fault::internal("noting a failed backup"),
    })
}

/// Reads for the metrics when the last backup was made, and how long one has been due.
///
/// # Errors
/// When the database cannot be read. The previous values stay.
pub async fn note_state(app: &App) -> Result<(), Fault> {
    let runs = scheduled_jobs::runs(&mut app.db.reader().await?, BACKUP_JOB).await?;
    let now = app.now();
    let due = app.config.backups.schedule.due_since(runs.succeeded_at, now);
    // Until the first one succeeds, none has been made since the first was tried.
    let due = match runs {
        scheduled_jobs::JobRuns { succeeded_at: None, tried_since: Some(since), .. } => {
            due.map(|due| due.min(since))
        }
        _ => due,
    };
    app.metrics.sample(|sample| {
        sample.last_backup = runs.succeeded_at;
        sample.backup_overdue = due.map_or(TimeSpan::ZERO, |due| now - due);
    });
    Ok(())
}
