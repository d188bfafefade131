//! `signet admin`: becoming an administrator.

use clap::Subcommand;
use serde_json::json;

use crate::domain::request_info::RequestInfo;
use crate::domain::validity::SETUP_LINK_LIFE;
use crate::identity::setup;

use super::error::CommandError;
use super::output::Output;
use super::startup_report;
use super::with_app::with_app;

/// What to do about administrators.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a fresh one-time link for the first administrator
    #[command(after_help = "Examples:
  signet admin setup-link
  xdg-open \"$(signet admin setup-link)\"

The link works once, for 30 minutes, and only until there has been an administrator. On a machine
without a browser:  signet user create LOGIN --role admin")]
    SetupLink,
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::SetupLink => with_app(async |app| {
            let url = setup::make_link(&app, &RequestInfo::cli(app.now())).await?;
            let url = url.expose();
            output.text_or(&format!("{url}\n"), &json!({ "setup_url": url }))?;
            let minutes = SETUP_LINK_LIFE.secs() / 60;
            startup_report::say(&format!(
                "Open it to create the administrator; good for {minutes} min.\n"
            ));
            Ok(())
        }),
    }
}
