//! Runs a command on the database, with or without a running server.
//!
//! Commands call the use cases of the HTTP API, so that both enforce the same rules.

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

/// Opens the configured database and runs `work` with it. Creates no database.
pub fn with_app(
    work: impl AsyncFnOnce(App) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    runtime()?.block_on(async {
        let app =
            Startup { config, clock, entropy, purpose: OpenPurpose::Administer }.open().await?.app;
        let outcome = work(app.clone()).await;
        // Without a server no other process checkpoints the write-ahead log, and a script that runs many commands
        // would let it grow. A failure is harmless.
        let _ = app.db.checkpoint().await;
        outcome
    })
}

/// A small runtime that logs only warnings, to stderr: the log settings are for the server, and `info` lines would
/// bury the output of a command.
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
