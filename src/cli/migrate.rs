//! `signet migrate`: the database schema.
//!
//! It works on databases with an older schema, which the application cannot open, so it uses the store directly. It
//! creates no database.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::startup;
use crate::base::Timestamp;
use crate::config::Config;
use crate::domain::outcome::Fault;
use crate::store::Db;
use crate::store::migrate::{self, Step};

use super::error::CommandError;
use super::exit::Exit;
use super::output::{Output, Row};
use super::startup_report;
use super::with_app;

/// The subcommands for the schema.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which migrations have been applied
    #[command(after_help = "Examples:
  signet migrate status
  signet migrate status -o ndjson | jq 'select(.applied | not)'")]
    Status,
    /// Apply pending migrations
    #[command(after_help = "Examples:
  signet migrate up

signet serve does the same at its start. Back up the database first: there are no down migrations.")]
    Up,
}

impl Row for Step {
    const HEAD: &'static [&'static str] = &["version", "name", "state"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let state = if self.applied { "applied" } else { "pending" };
        vec![format!("{:04}", self.version), self.name.clone(), state.to_owned()]
    }

    fn json(&self) -> Value {
        json!({ "version": self.version, "name": self.name, "applied": self.applied })
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    with_app::runtime()?.block_on(async {
        // As at the start of a server, the database may be starting at the same time.
        if matches!(command, Command::Up) {
            startup::wait_for_database(&config).await?;
        }
        let db = startup::connect(&config).await?;
        if matches!(command, Command::Up) {
            startup::check_encoding(&db).await?;
        }
        let outcome = match command {
            Command::Status => migrate::steps(&db).await.map(|steps| (Vec::new(), steps)),
            Command::Up => apply(&db).await,
        };
        let outcome = match outcome {
            Ok((applied, steps)) => report(&db, &applied, &steps, command, output).await,
            Err(fault) => Err(startup::explain(&config.database, &db, fault.into()).await.into()),
        };
        // As after every other command; see `with_app`.
        let _ = db.checkpoint().await;
        outcome
    })
}

/// Applies pending migrations. Returns those that were applied, and all.
async fn apply(db: &Db) -> Result<(Vec<Step>, Vec<Step>), Fault> {
    let status = migrate::status(db).await?;
    let before = migrate::steps(db).await?;
    if status.applied > status.known || status.foreign.is_some() {
        return Ok((Vec::new(), before));
    }
    migrate::up(db).await?;
    let pending = before.into_iter().filter(|step| !step.applied).collect();
    Ok((pending, migrate::steps(db).await?))
}

async fn report(
    db: &Db,
    applied: &[Step],
    steps: &[Step],
    command: &Command,
    output: Output,
) -> Result<(), CommandError> {
    let status = migrate::status(db).await?;
    let up = matches!(command, Command::Up);
    let newer = format!(
        "the database was written by a newer Signet (schema {}, this binary knows {}).\n  Use that \
         version or a newer one.",
        status.applied, status.known
    );
    let foreign = status.foreign.map(|version| {
        format!(
            "migration {version:04} of the database is not the one that this binary knows: it was edited, \
             interrupted, or comes from another build.\n  Use the binary that wrote the database, or \
             restore the newest backup."
        )
    });
    let wrong = if status.applied > status.known { Some(newer) } else { foreign };
    if let (true, Some(wrong)) = (up, &wrong) {
        return Err(CommandError::new(Exit::Configuration, wrong.clone()));
    }
    for step in applied {
        startup_report::say(&format!("Applied {:04} {}\n", step.version, step.name));
    }
    write(steps, output)?;
    if let Some(wrong) = wrong {
        startup_report::say(&format!("Note: {wrong}\n"));
    } else if up && applied.is_empty() {
        startup_report::say("Nothing to apply.\n");
    } else if status.pending > 0 {
        startup_report::say("Apply what is pending:  signet migrate up\n");
    }
    Ok(())
}

fn write(steps: &[Step], output: Output) -> Result<(), CommandError> {
    let mut list = output.list();
    list.rows(steps)?;
    Ok(list.end()?)
}
