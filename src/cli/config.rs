//! `signet config`: the settings, which come from the environment.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::startup;
use crate::base::Timestamp;
use crate::config::{self, Config, Shown};
use crate::domain::base_path::BasePath;

use super::error::CommandError;
use super::output::{self, Output, Row};
use super::startup_report;

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the settings in force, secrets masked, and where each comes from
    #[command(after_help = "Examples:
  signet config show
  signet config show -o ndjson | jq -r 'select(.origin != \"default\") | .name'")]
    Show,
    /// Check the settings; exit 0 if they are good, 78 with every mistake if not
    #[command(after_help = "Examples:
  signet config check && systemctl restart signet")]
    Check,
    /// Print a commented .env with every setting
    #[command(after_help = "Examples:
  (umask 077; signet config example > .env)")]
    Example,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] = &["name", "value", "origin"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.name.to_owned(), self.value.clone(), self.origin.to_string()]
    }

    fn json(&self) -> Value {
        let value = (!self.value.is_empty()).then_some(&self.value);
        json!({ "name": self.name, "value": value, "origin": self.origin.to_string() })
    }
}

/// Carries out a command. Opens no database; `check` looks at the modes of files and changes none.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Show => {
            let mut list = output.list();
            list.rows(&Config::load()?.shown)?;
            Ok(list.end()?)
        }
        Command::Check => {
            let config = Config::load()?.config;
            for warning in startup::exposure(&config)?.warnings {
                startup_report::say(&format!("warning: {warning}.\n"));
            }
            let base = BasePath::of(&config.issuer, config.proxy_strips_path);
            if !base.is_root() {
                startup_report::say(&format!(
                    "SIGNET_ISSUER has the path {}: with SIGNET_PROXY_STRIPS_PATH={} the server answers \
                     {}.\n",
                    base.as_str(),
                    config.proxy_strips_path,
                    if config.proxy_strips_path { "without it only" } else { "below it only" }
                ));
            }
            startup_report::say("The settings are good.\n");
            Ok(())
        }
        Command::Example => Ok(output::write(&config::example())?),
    }
}
