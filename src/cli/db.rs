//! `signet db`: work on a whole database.
//!
//! Every command requires that no server uses it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::database_copy::{self, DatabaseCopy};
use crate::app::startup::{self, Compacted};
use crate::base::Timestamp;
use crate::config::{Config, Database};

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
    /// Copy the database from SQLite to PostgreSQL, or back; the server must be stopped
    #[command(after_help = "Examples:
  signet db copy --to postgres://signet@db.example.com/signet
  signet db copy --from postgres://signet@db.example.com/signet --to sqlite:///var/lib/signet/signet.db

The URL that is left out is SIGNET_DATABASE_URL: keep one with a password there, because other users of the machine can
read command lines. Everything is copied, also sessions; the target must be new, and both must have the schema of this
binary. Rows are counted and summed (SHA-256) on both sides; where they differ, nothing is kept of the copy and the exit
code is 7. Exit code 5: the target is in use. 75: a server works on one of them. The master key is not in a database:
take it along.")]
    Copy(CopyArgs),
}

/// `signet db copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The database to copy (default: SIGNET_DATABASE_URL)
    #[arg(long, value_name = "URL", required_unless_present = "to")]
    from: Option<String>,
    /// The new database (default: SIGNET_DATABASE_URL)
    #[arg(long, value_name = "URL")]
    to: Option<String>,
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

impl Row for DatabaseCopy {
    const HEAD: &'static [&'static str] = &["tables", "rows"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.tables.to_string(), self.rows.to_string()]
    }

    fn json(&self) -> Value {
        json!({ "tables": self.tables, "rows": self.rows })
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
        Command::Copy(args) => copy(&config, args, output),
    }
}

fn copy(config: &Config, args: &CopyArgs, output: Output) -> Result<(), CommandError> {
    let read = |name: &str, url: &Option<String>| match url {
        Some(url) => Database::from_argument(url)
            .map_err(|wrong| CommandError::usage(format!("{name} {wrong}."))),
        None => Ok(config.database.clone()),
    };
    let (from, to) = (read("--from", &args.from)?, read("--to", &args.to)?);
    if matches!(
        (&from, &to),
        (Database::Sqlite(_), Database::Sqlite(_)) | (Database::Postgres(_), Database::Postgres(_))
    ) {
        return Err(CommandError::usage(
            "both databases are of the same kind.\n  This copies from SQLite to PostgreSQL or back. For a copy of the same \
             kind use signet backup create, or pg_dump.",
        ));
    }
    let done = with_app::runtime()?.block_on(database_copy::copy(config, &from, &to))?;
    Ok(output.one(&done)?)
}
