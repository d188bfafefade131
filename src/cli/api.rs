//! `signet api`: the APIs tokens can be made for.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::apis;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::page::Page;
use crate::http::api::shapes;
use crate::store::apis::StoredApi;

use super::ago::ago;
use super::failure::{Failure, about};
use super::output::{Output, Row};
use super::paging::Paging;
use super::prompt;
use super::report;
use super::work::with_app;

/// What to do with APIs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register an API, so that tokens can be made for it
    #[command(after_help = "Examples:
  signet api create https://api.example.com --scope orders:read --scope orders:write

The identifier is what clients send as audience and what the API finds as aud in its tokens,
compared byte for byte. A running server knows the API within seconds.")]
    Create(CreateArgs),
    /// List APIs, oldest first
    #[command(after_help = "Examples:
  signet api list
  signet api list -o ndjson | jq -r .identifier")]
    List(Paging),
    /// Show one API
    #[command(after_help = "Examples:
  signet api show https://api.example.com")]
    Show(Named),
    /// Delete an API; no new tokens are made for it
    #[command(after_help = "Examples:
  signet api delete https://api.example.com --yes

Access tokens that were made for it before go on being valid until they expire.")]
    Delete(DeleteArgs),
}

/// An API that is named.
#[derive(Debug, Args)]
pub struct Named {
    /// The API's identifier, or its id
    #[arg(value_name = "IDENTIFIER|ID")]
    identifier: String,
}

/// `signet api create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The API's identifier: an absolute URI, usually its address
    identifier: String,
    /// A scope it offers; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

/// `signet api delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Row for StoredApi {
    const HEAD: &'static [&'static str] = &["identifier", "scopes", "created"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![self.api.identifier.clone(), self.api.scopes.to_string(), ago(self.created_at, now)]
    }

    fn json(&self) -> Value {
        shapes::api(self)
    }
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create(args) => with_app(async |app| {
            let (identifier, scopes) = (args.identifier.clone(), args.scopes.clone());
            let work = apis::create(app.clone(), identifier, scopes, Origin::cli(), app.now());
            let stored = app.run(work).await.map_err(about("api", &args.identifier))?;
            report::say(&format!("Registered API {}\n", stored.api.identifier));
            Ok(output.one(&stored)?)
        }),
        Command::List(paging) => with_app(async |app| {
            paging
                .write(output.list(), async |request| -> Result<Page<StoredApi>, Failure> {
                    Ok(app.run(apis::list(app.clone(), request)).await?)
                })
                .await
        }),
        Command::Show(named) => with_app(async |app| {
            let work = apis::show(app.clone(), named.identifier.clone());
            let stored = app.run(work).await.map_err(about("api", &named.identifier))?;
            Ok(output.one(&stored)?)
        }),
        Command::Delete(args) => delete(args),
    }
}

fn delete(args: &DeleteArgs) -> Result<(), Failure> {
    let name = &args.named.identifier;
    prompt::needs_terminal_or_yes(args.yes)?;
    with_app(async |app| {
        let work = apis::show(app.clone(), name.clone());
        let identifier = app.run(work).await.map_err(about("api", name))?.api.identifier;
        prompt::confirm(&format!("Delete API {identifier}?"), args.yes)?;
        let work = apis::delete(app.clone(), identifier.clone(), Origin::cli(), app.now());
        app.run(work).await.map_err(about("api", name))?;
        report::say(&format!("Deleted API {identifier}\n"));
        Ok(())
    })
}
