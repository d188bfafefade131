//! `signet migrate`: the schema.
//!
//! Works on a database with an older schema, which nothing else opens; so it goes to the schema
//! itself instead of through the application. Makes no database.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::startup;
use crate::base::Timestamp;
use crate::config::Config;
use crate::store::Db;
use crate::store::migrate::{self, Step};

use super::error::CommandError;
use super::exit::Exit;
use super::output::{Output, Row};
use super::startup_report;
use super::with_app;

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which steps the database has
    #[command(after_help = "Examples:
  signet migrate status
  signet migrate status -o ndjson | jq 'select(.applied | not)'")]
    Status,
    /// Apply the steps the database lacks
    #[command(after_help = "Examples:
  signet migrate up

signet serve does the same at its start. Back the database up first: there is no way down.")]
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

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    with_app::runtime()?.block_on(async {
        let db = startup::connect(&config).await?;
        let outcome = match command {
            Command::Status => status(&db, output).await,
            Command::Up => up(&db, output).await,
        };
        // As after every other command; see `with_app`.
        let _ = db.checkpoint().await;
        outcome
    })
}

async fn status(db: &Db, output: Output) -> Result<(), CommandError> {
    let status = migrate::status(db).await?;
    write(&migrate::steps(db).await?, output)?;
    let pending = status.known - status.applied;
    if pending < 0 {
        startup_report::say(&format!(
            "The database has schema {}, which this version does not know: a newer Signet has \
             been at work.\n",
            status.applied
        ));
    } else if pending > 0 {
        startup_report::say("Apply what is pending:  signet migrate up\n");
    }
    Ok(())
}

async fn up(db: &Db, output: Output) -> Result<(), CommandError> {
    let before = migrate::status(db).await?;
    if before.applied > before.known {
        return Err(CommandError::new(
            Exit::Configuration,
            format!(
                "the database was written by a newer Signet (schema {}, this binary knows {}).\n  \
                 Use that version or a newer one.",
                before.applied, before.known
            ),
        ));
    }
    let pending: Vec<Step> =
        migrate::steps(db).await?.into_iter().filter(|step| !step.applied).collect();
    migrate::up(db).await?;
    for step in &pending {
        startup_report::say(&format!("Applied {:04} {}\n", step.version, step.name));
    }
    if pending.is_empty() {
        startup_report::say("Nothing to apply.\n");
    }
    write(&migrate::steps(db).await?, output)
}

fn write(steps: &[Step], output: Output) -> Result<(), CommandError> {
    let mut list = output.list();
    list.rows(steps)?;
    Ok(list.end()?)
}
