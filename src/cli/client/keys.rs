//! `signet client key`: administration keys of a service client.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::admin_keys::{self, Created};
use crate::base::id::AdminKeyId;
use crate::base::{TimeSpan, Timestamp};
use crate::cli::error::{CommandError, about};
use crate::cli::names::{Names, names};
use crate::cli::output::{Output, Row};
use crate::cli::paging::Paging;
use crate::cli::relative_time::ago;
use crate::cli::startup_report;
use crate::cli::with_app::with_app;
use crate::config::length_of_time;
use crate::domain::admin_key::{AdminKey, MAX_LIFE, MIN_LIFE, NewAdminKey};
use crate::domain::pagination::Page;
use crate::domain::permission::{SCOPE_RULE, is_admin_scope};
use crate::domain::request_info::RequestInfo;
use crate::view;

use super::Named;

/// The subcommands for administration keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a key with which a service client calls /v1/admin
    #[command(after_help = "Examples:
  signet client key create bot --name Nightly --scope signet:users --expires 90d
  signet client key create bot --name Nightly --scope signet:users --expires 90d --network 192.0.2.0/24

The key is printed only once. Prefer private_key_jwt with the client_credentials grant where the program can sign: a
key is sent whole with every request.")]
    Create(CreateArgs),
    /// List the keys of a client, oldest first
    #[command(after_help = "Examples:
  signet client key list bot
  signet client key list bot -o ndjson | jq -r '[.id, .last_used_at] | @tsv'")]
    List(ListArgs),
    /// Revoke a key, from the next request on
    #[command(after_help = "Examples:
  signet client key revoke bot 019b1c3e-7c1a-7d3e-9f0e-2f5b8a3c4d5e")]
    Revoke(RevokeArgs),
}

/// `signet client key create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    named: Named,
    /// The purpose of the key
    #[arg(long)]
    name: String,
    /// An administration scope of the client that the key gets; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = names(admin_scope), required = true)]
    scopes: Vec<Names>,
    /// Lifetime of the key, at most 365d
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires: TimeSpan,
    /// An address or a network from which the key works, such as 192.0.2.0/24; may be given several times (default:
    /// any)
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
}

/// `signet client key list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    paging: Paging,
}

/// `signet client key revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    #[command(flatten)]
    named: Named,
    /// The id of the key
    #[arg(value_name = "KEY_ID", value_parser = key_id)]
    key: AdminKeyId,
}

fn life(text: &str) -> Result<TimeSpan, String> {
    length_of_time(text, MIN_LIFE..=MAX_LIFE)
}

/// One of the scopes of administration.
pub(super) fn admin_scope(text: &str) -> Result<String, String> {
    if is_admin_scope(text) { Ok(text.to_owned()) } else { Err(SCOPE_RULE.to_owned()) }
}

fn key_id(text: &str) -> Result<AdminKeyId, String> {
    text.parse()
        .map_err(|_| "the id of a key is a UUID, as signet client key list shows it".to_owned())
}

impl Row for AdminKey {
    const HEAD: &'static [&'static str] =
        &["id", "name", "scopes", "networks", "last used", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.scopes.to_string(),
            if networks.is_empty() { "(everywhere)".to_owned() } else { networks.join(" ") },
            self.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            ago(self.expires_at, now),
        ]
    }

    fn json(&self) -> Value {
        view::admin_key(self)
    }
}

impl Row for Created {
    const HEAD: &'static [&'static str] = &["id", "key"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.key.id.to_string(), self.secret.expose().clone()]
    }

    fn json(&self) -> Value {
        view::created_admin_key(self)
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Create(args) => create(args, output),
        Command::List(args) => list(args, output),
        Command::Revoke(args) => revoke(args),
    }
}

fn create(args: &CreateArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let new = NewAdminKey {
            name: args.name.clone(),
            scopes: Names::all(&args.scopes),
            life: args.expires,
            networks: args.networks.clone(),
        };
        let (client_id, info) = (args.named.client_id.clone(), RequestInfo::cli(app.now()));
        let work = admin_keys::create(app.clone(), client_id, new, info);
        let created = app.run_to_completion(work).await.map_err(args.named.about())?;
        startup_report::say("Copy the key now: it cannot be shown again.\n");
        Ok(output.one(&created)?)
    })
}

fn list(args: &ListArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let id = &args.named.client_id;
        args.paging
            .write(output.list(), async |request| -> Result<Page<AdminKey>, CommandError> {
                let work = admin_keys::list(app.clone(), id.clone(), request);
                app.run_to_completion(work).await.map_err(args.named.about())
            })
            .await
    })
}

fn revoke(args: &RevokeArgs) -> Result<(), CommandError> {
    with_app(async |app| {
        let (client_id, info) = (args.named.client_id.clone(), RequestInfo::cli(app.now()));
        let work = admin_keys::revoke(app.clone(), client_id, args.key, info);
        let named = args.key.to_string();
        app.run_to_completion(work).await.map_err(about("administration key", &named))?;
        startup_report::say(&format!("Revoked the administration key {named}\n"));
        Ok(())
    })
}
