//! `signet user key`: API keys of users.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::api_keys;
use crate::base::Timestamp;
use crate::base::id::ApiKeyId;
use crate::cli::error::{CommandError, about};
use crate::cli::output::{Output, Row};
use crate::cli::relative_time::ago;
use crate::cli::startup_report;
use crate::cli::with_app::with_app;
use crate::domain::request_info::RequestInfo;
use crate::identity::api_keys::ListedKey;
use crate::view;

use super::Named;

/// The subcommands for API keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the API keys of a user, newest first
    #[command(after_help = "Examples:
  signet user key list ada
  signet user key list ada -o ndjson | jq -r 'select(.state == \"active\") | .id'")]
    List(Named),
    /// Revoke an API key; it is refused from the next request on
    #[command(after_help = "Examples:
  signet user key revoke ada 019b1c3e-7c1a-7d3e-9f0e-2f5b8a3c4d5e

Users make their keys themselves, at /account or with POST /v1/api-keys.")]
    Revoke(RevokeArgs),
}

/// `signet user key revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    #[command(flatten)]
    named: Named,
    /// The id of the key
    #[arg(value_name = "KEY_ID", value_parser = key_id)]
    key: ApiKeyId,
}

fn key_id(text: &str) -> Result<ApiKeyId, String> {
    text.parse()
        .map_err(|_| "the id of a key is a UUID, as signet user key list shows it".to_owned())
}

impl Row for ListedKey {
    const HEAD: &'static [&'static str] =
        &["id", "name", "api", "scopes", "state", "last used", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let key = &self.key;
        vec![
            key.id.to_string(),
            key.name.clone(),
            key.audience.clone(),
            key.scopes.to_string(),
            self.state.to_string(),
            key.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            ago(key.expires_at, now),
        ]
    }

    fn json(&self) -> Value {
        view::api_key(self)
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::List(named) => with_app(async |app| {
            let user = named.find(&app).await?;
            let work = api_keys::list(app.clone(), user.id, app.now());
            let keys = app.run_to_completion(work).await.map_err(about("user", &user.login))?;
            let mut list = output.list();
            list.rows(&keys)?;
            Ok(list.end()?)
        }),
        Command::Revoke(args) => with_app(async |app| {
            let user = args.named.find(&app).await?;
            let work =
                api_keys::revoke(app.clone(), user.id, args.key, RequestInfo::cli(app.now()));
            let named = args.key.to_string();
            app.run_to_completion(work).await.map_err(about("API key", &named))?;
            startup_report::say(&format!("Revoked the API key {named} of {}\n", user.login));
            Ok(())
        }),
    }
}
