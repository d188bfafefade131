//! `signet db`: work on the database file.
//!
//! Every command requires that no server uses the file.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::startup::{self, Compacted};
use crate::base::Timestamp;
use crate::config::Config;

use super::error::CommandError;
use super::output::{Output, Row};
use super::with_app;

/// The subcommands for the database.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shrink the database file by the space of deleted rows; the server must be stopped
    #[command(after_help = "Examples:
  systemctl stop signet && signet db compact; systemctl start signet

Only for SQLite, whose file never shrinks by itself: new rows reuse the space of deleted ones. It needs
free room of twice the size of the database, beside it and in the directory for temporary files.")]
    Compact,
}

impl Row for Compacted {
    const HEAD: &'static [&'static str] = &["bytes before", "bytes after"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.before.to_string(), self.after.to_string()]
    }

    fn json(&self) -> Value {
        json!({ "bytes_before": self.before, "bytes_after": self.after })
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    match command {
        Command::Compact => {
            let done = with_app::runtime()?.block_on(startup::compact(&config))?;
            let mut list = output.list();
            list.rows(&[done])?;
            Ok(list.end()?)
        }
    }
}
