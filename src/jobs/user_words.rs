//! Writes the search words of users from an earlier version, once after an upgrade.
//!
//! Each transaction writes the words of a few users, so that log-ins do not wait.

use std::time::Duration;

use crate::app::App;
use crate::domain::outcome::Fault;
use crate::store::user_words;

/// The number of users per step.
const STEP: i64 = 100;
/// The pause between two steps.
const PAUSE: Duration = Duration::from_millis(5);
/// The pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Writes missing words, retrying after failures, until none is missing.
pub async fn write_until_complete(app: App) {
    let mut is_failing = false;
    loop {
        match step(&app).await {
            Ok(true) => return,
            Ok(false) => {
                is_failing = false;
                tokio::time::sleep(PAUSE).await;
            }
            Err(fault) => {
                if !is_failing {
                    tracing::warn!(%fault, "building the search index of users failed; it will be retried");
                }
                is_failing = true;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Writes all missing words, for a command that needs them.
///
/// # Errors
/// When the database cannot be written.
pub async fn complete(app: &App) -> Result<(), Fault> {
    while !step(app).await? {}
    Ok(())
}

/// Takes one step. Returns whether nothing is missing.
async fn step(app: &App) -> Result<bool, Fault> {
    if user_words::are_complete(&mut app.db.reader().await?).await? {
        return Ok(true);
    }
    let mut tx = app.db.begin().await?;
    let is_done = user_words::write_next(&mut tx, STEP).await?;
    tx.commit().await?;
    Ok(is_done)
}
