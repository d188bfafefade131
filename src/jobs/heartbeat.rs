//! The heartbeat of this process: its row in the database, the clock of the database, and the settings of other
//! processes.

use crate::app::App;
use crate::app::differing_settings;
use crate::domain::outcome::Fault;
use crate::domain::process_settings::DEAD_AFTER;
use crate::store::processes;

/// Follows the clock of the database, writes this process's row and removes those of processes that have died.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn beat(app: &App) -> Result<(), Fault> {
    let beaten = read_and_write(app).await;
    let works = beaten.is_ok();
    app.metrics.sample(|sample| sample.database_works = Some(works));
    beaten
}

async fn read_and_write(app: &App) -> Result<(), Fault> {
    app.common_clock.follow(&app.db).await?;
    let now = app.now();
    let mut tx = app.db.begin().await?;
    processes::beat(&mut tx, &app.heartbeat(now)).await?;
    processes::remove_dead(&mut tx, now, DEAD_AFTER).await?;
    tx.commit().await
}

/// Compares the settings that clients can notice with those of the other processes.
///
/// # Errors
/// When the database cannot be read.
pub async fn compare_settings(app: &App) -> Result<(), Fault> {
    let now = app.now();
    app.process.note_differences(&differing_settings(&app.db, now).await?);
    Ok(())
}

/// Stores what is buffered in memory and removes this process's row, at shutdown.
///
/// # Errors
/// When the database cannot be written. Other processes then remove the row after a minute.
pub async fn leave(app: &App) -> Result<(), Fault> {
    if let Err(fault) = app.write_refusals().await {
        tracing::warn!(%fault, "refused attempts of the last second are not in the audit trail");
    }
    app.write_activity().await?;
    let mut tx = app.db.begin().await?;
    processes::remove(&mut tx, app.process.id()).await?;
    tx.commit().await
}
