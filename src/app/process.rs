//! This process among those on the database.
//!
//! Owns its identity and what it reports to the others. The heartbeat is in `jobs::heartbeat`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::base::id::ProcessId;
use crate::base::{Entropy, Timestamp};
use crate::config::Config;
use crate::domain::outcome::Fault;
use crate::domain::process_settings::{
    DEAD_AFTER, Difference, RunningProcess, lasting_differences,
};
use crate::store::processes::{self, StoredProcess};
use crate::store::{Db, migrate};

use super::App;

/// This process.
pub struct Process {
    id: ProcessId,
    name: String,
    settings: String,
    started_at: Timestamp,
    schema_known: i64,
    /// The settings that have differed between the processes for long enough to be reported.
    differing: Mutex<BTreeSet<String>>,
}

impl Process {
    pub(super) fn new(config: &Config, db: &Db, entropy: &dyn Entropy, now: Timestamp) -> Self {
        Self {
            id: ProcessId::new(now, entropy),
            name: format!("{}/{}", host(), std::process::id()),
            settings: serde_json::json!(config.noticeable()).to_string(),
            started_at: now,
            schema_known: migrate::newest(db),
            differing: Mutex::default(),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ProcessId {
        self.id
    }

    /// The number of settings that have differed between the processes for long enough to be reported.
    #[must_use]
    pub fn differing_settings(&self) -> i64 {
        let differing = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
        i64::try_from(differing.len()).unwrap_or(i64::MAX)
    }

    /// Records them, and logs them when the set changes.
    pub fn note_differences(&self, found: &[Difference]) {
        let settings: BTreeSet<String> =
            found.iter().map(|difference| difference.setting.to_string()).collect();
        let mut differing = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
        if *differing == settings {
            return;
        }
        *differing = settings;
        drop(differing);
        if found.is_empty() {
            tracing::info!("the servers on this database have the same settings again");
        }
        for difference in found {
            tracing::warn!(
                event = "settings_differ",
                setting = difference.setting,
                "the servers on this database have different settings: {difference}"
            );
        }
    }
}

impl App {
    /// The report of this process to the others at `now`.
    #[must_use]
    pub fn heartbeat(&self, now: Timestamp) -> StoredProcess {
        let process = &self.process;
        StoredProcess {
            id: process.id,
            name: process.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema_known: process.schema_known,
            settings: process.settings.clone(),
            clock_offset: self.clock_offset().millis(),
            started_at: process.started_at,
            beat_at: now,
        }
    }
}

/// The settings in which the processes on this database have differed for long enough to be reported, at `now`.
///
/// # Errors
/// When the database cannot be read.
pub async fn differing_settings(db: &Db, now: Timestamp) -> Result<Vec<Difference>, Fault> {
    let running = processes::running(&mut db.reader().await?, now, DEAD_AFTER).await?;
    Ok(lasting_differences(&running.into_iter().map(comparable).collect::<Vec<_>>(), now))
}

/// The comparable part of a stored process. Settings of another version that cannot be parsed are ignored.
fn comparable(stored: StoredProcess) -> RunningProcess {
    RunningProcess {
        name: stored.name,
        started_at: stored.started_at,
        settings: serde_json::from_str(&stored.settings).unwrap_or_default(),
    }
}

/// The host name of this machine, if it can be read.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}
