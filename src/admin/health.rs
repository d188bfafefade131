//! The health of this process, for the console and `signet health --details`. Readiness (`http/health.rs`) uses the
//! same checks.

use crate::app::{App, differing_settings};
use crate::base::Timestamp;
use crate::domain::outcome::Failure;
use crate::domain::process_settings::DEAD_AFTER;
use crate::store::processes::{self, StoredProcess};

/// The results of the checks.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether the database can be read.
    pub reads: bool,
    /// Whether the database can be written.
    pub writes: bool,
    /// Whether tokens can be signed and verified.
    pub signs: bool,
    /// Whether the clock agrees with that of the database.
    pub clock_agrees: bool,
    /// How many settings differ between the processes.
    pub differing_settings: usize,
    /// The processes that work on the database.
    pub processes: Vec<StoredProcess>,
}

/// Reads the state of the database, the keys, the clock and the processes.
///
/// # Errors
/// When the database cannot be read at all.
pub async fn collect(app: App, now: Timestamp) -> Result<Health, Failure> {
    let reads = app.read_probe().await.is_ok();
    Ok(Health {
        reads,
        writes: reads && app.can_write().await,
        signs: app.keyring().works(app.issuer(), now),
        clock_agrees: app.agrees_with_database_clock(),
        differing_settings: differing_settings(&app.db, now).await?.len(),
        processes: processes::running(&mut app.db.reader().await?, now, DEAD_AFTER).await?,
    })
}
