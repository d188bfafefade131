//! Running a command on the database, beside a server or without one.
//!
//! Owns the runtime and the opening. Commands call the use cases the HTTP API calls, so that a rule
//! is not enforced at one door and forgotten at the other.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::app::App;
use crate::app::startup::{OpenPurpose, Startup};
use crate::base::SystemClock;
use crate::config::{Config, LogFormat};
use crate::crypto::random::SystemEntropy;
use crate::telemetry;

use super::error::CommandError;
use super::exit::Exit;

/// Opens what the settings name and does `work` with it. Makes no database.
pub fn with_app(
    work: impl AsyncFnOnce(App) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    runtime()?.block_on(async {
        let app =
            Startup { config, clock, entropy, purpose: OpenPurpose::Administer }.open().await?.app;
        let outcome = work(app.clone()).await;
        // Without a server no other process folds the write-ahead log into the database, and a script
        // that makes users all day would let it grow. What stays is read at the next opening.
        let _ = app.db.checkpoint().await;
        outcome
    })
}

/// A small runtime, with warnings on stderr: the log settings are the server's, and a command that
/// talks about itself at `info` would bury its answer.
pub fn runtime() -> Result<Runtime, CommandError> {
    let failed = |text| CommandError::new(Exit::Failed, text);
    telemetry::init("warn", LogFormat::Pretty).map_err(failed)?;
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("storage")
        .enable_all()
        .build()
        .map_err(|error| failed(format!("threads cannot be started: {error}.")))
}
