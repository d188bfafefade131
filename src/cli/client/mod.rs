//! `signet client`: the applications that get tokens.

mod documents;
mod keys;
mod logo;
mod options;
mod rows;
mod why;

use clap::{Args, Subcommand};

use crate::admin::clients::{self, Change, New};
use crate::app::App;
use crate::domain::client::ClientType;
use crate::domain::client_document::DocumentUrl;
use crate::domain::outcome::Failure;
use crate::domain::pagination::Page;
use crate::domain::request_info::RequestInfo;
use crate::store::clients::StoredClient;

use super::error::{CommandError, about};
use super::force::Force;
use super::output::Output;
use super::paging::Paging;
use super::prompt;
use super::startup_report;
use super::value_parsers::words;
use super::with_app::with_app;

use logo::LogoArgs;
use options::{Choices, Cleared};
pub use options::{jwks_of, level};

/// The subcommands for clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a client, so that it can get tokens
    #[command(after_help = "Examples:
  signet client create --name Shop --type web --redirect-uri https://shop.example.com/callback
  signet client create --name Shop --type spa --redirect-uri https://shop.example.com/ \\
    --audience https://api.example.com
  signet client create --name Desk --type native --redirect-uri http://127.0.0.1/callback
  signet client create --name Nightly --type service --audience https://api.example.com \\
    --scope orders:read -o json | jq -r .client_secret
  signet client create --name Nightly --type service --auth-method private_key_jwt \\
    --jwks-file public.json
  signet client create --name Joiner --type service --admin-scope signet:users

web and service clients get a secret, which is printed only once. spa and native clients have none:
PKCE protects their authorization codes.

A logo is uploaded afterwards:  signet client update ID --logo FILE")]
    Create(Box<CreateArgs>),
    /// List clients, oldest first
    #[command(after_help = "Examples:
  signet client list
  signet client list -o ndjson | jq -r 'select(.type == \"service\") | .client_id'
  signet client list --documents                     those that describe themselves")]
    List(ListArgs),
    /// Show one client
    #[command(after_help = "Examples:
  signet client show shop
  signet client show shop -o json | jq .redirect_uris
  signet client show https://app.example.com/oauth/client.json     one that describes itself")]
    Show(Named),
    /// Explain why requests of a client were refused, or scopes left out, in the last 30 days
    #[command(after_help = "Examples:
  signet client why shop
  signet client why shop -o json | jq -r '.findings[].message'

A running server stores its findings within seconds. Exit code 7: there are findings.")]
    Why(Named),
    /// Change a client
    #[command(after_help = "Examples:
  signet client update shop --redirect-uri https://shop.example.com/callback
  signet client update shop --audience https://api.example.com --scope orders:read
  signet client update shop --access-token-ttl 5m --refresh-max-ttl default
  signet client update shop --auth-method private_key_jwt --jwks-file public.json
  signet client update shop --no-web-origins --all-scopes
  signet client update shop --logo shop.png --policy-uri https://shop.example.com/privacy
  signet client update shop --pkce optional            its library sends no challenge and no nonce
  signet client update desk --first-party true         users may type their passwords into it

Each option replaces the whole value; other values stay.")]
    Update(Box<UpdateArgs>),
    /// Disable a client; all its requests are refused
    #[command(after_help = "Examples:
  signet client disable shop")]
    Disable(ChangeArgs),
    /// Enable a client again
    #[command(after_help = "Examples:
  signet client enable shop")]
    Enable(ChangeArgs),
    /// Create a new secret; the previous one stays valid until the next rotation
    #[command(after_help = "Examples:
  signet client rotate-secret shop
  signet client rotate-secret shop --revoke-old      the old one may be compromised

Give the client the new secret. Two secrets are valid at a time; --revoke-old revokes the old one.")]
    RotateSecret(RotateArgs),
    /// Block a client that describes itself; all its requests are refused from now on
    #[command(after_help = "Examples:
  signet client block https://app.example.com/oauth/client.json

No user need have come from it yet. Registered clients are disabled:  signet client disable ID")]
    Block(documents::DocumentArgs),
    /// Unblock a client that describes itself
    #[command(after_help = "Examples:
  signet client unblock https://app.example.com/oauth/client.json")]
    Unblock(documents::DocumentArgs),
    /// Create, list and revoke administration keys of a service client
    #[command(subcommand)]
    Key(keys::Command),
    /// Delete a client and the consents of its users
    #[command(after_help = "Examples:
  signet client delete shop --yes

A client registered with the same client_id later is a different client.")]
    Delete(DeleteArgs),
}

/// `signet client list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    paging: Paging,
    /// List the clients that describe themselves (SIGNET_CLIENT_DOCUMENTS) in place of the registered ones
    #[arg(long)]
    documents: bool,
}

/// A client as an argument.
#[derive(Debug, Args)]
pub struct Named {
    /// The client's client_id
    #[arg(value_name = "CLIENT_ID")]
    client_id: String,
}

/// `signet client create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The name that users see
    #[arg(long)]
    name: String,
    /// The type of application: in a browser (spa), on a server (web), on a device (native), without a user
    /// (service)
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ClientType::ALL, ClientType::as_str))]
    client_type: ClientType,
    /// Its client_id (default: a new UUID)
    #[arg(long, value_name = "CLIENT_ID")]
    client_id: Option<String>,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    flags: Flags,
}

/// The options for an operator's own applications.
#[derive(Debug, Args)]
pub struct Flags {
    /// Do not ask users for consent, because the application is the operator's own
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    skip_consent: Option<bool>,
    /// Allow it to log users in at /v1/login with their passwords; implies --skip-consent (web and native)
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    first_party: Option<bool>,
}

/// `signet client update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    named: Named,
    /// The name that users see
    #[arg(long)]
    name: Option<String>,
    /// The kind of application
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ClientType::ALL, ClientType::as_str))]
    client_type: Option<ClientType>,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    cleared: Cleared,
    #[command(flatten)]
    logo: LogoArgs,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    force: Force,
}

/// `signet client rotate-secret`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    named: Named,
    /// End every other secret at once
    #[arg(long)]
    revoke_old: bool,
    #[command(flatten)]
    force: Force,
}

/// `signet client disable` and `enable`.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    force: Force,
}

/// `signet client delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    named: Named,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    force: Force,
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Create(args) => create(args, output),
        Command::List(args) if args.documents => documents::list(&args.paging, output),
        Command::List(args) => with_app(async |app| {
            args.paging
                .write(output.list(), async |request| -> Result<Page<StoredClient>, CommandError> {
                    Ok(app.run_to_completion(clients::list(app.clone(), request)).await?)
                })
                .await
        }),
        Command::Show(named) => with_app(async |app| {
            let id = &*named.client_id;
            if DocumentUrl::is_meant(id) && !app.is_registered_client(id) {
                return documents::show(&app, id, output).await;
            }
            rows::show(&named.find(&app).await?, output)
        }),
        Command::Block(args) => documents::block(args, output),
        Command::Unblock(args) => documents::unblock(args),
        Command::Why(named) => why::run(named, output),
        Command::Update(args) => update(args, output),
        Command::Disable(ChangeArgs { named, force }) => with_app(async |app| {
            let (name, info) = (named.client_id.clone(), force.info(&app));
            let work = clients::disable(app.clone(), name, info);
            done("Disabled", &app.run_to_completion(work).await.map_err(named.about())?, output)
        }),
        Command::Enable(ChangeArgs { named, force }) => with_app(async |app| {
            let (name, info) = (named.client_id.clone(), force.info(&app));
            let work = clients::enable(app.clone(), name, info);
            done("Enabled", &app.run_to_completion(work).await.map_err(named.about())?, output)
        }),
        Command::RotateSecret(args) => rotate_secret(args, output),
        Command::Key(command) => keys::run(command, output),
        Command::Delete(args) => delete(args),
    }
}

impl Flags {
    /// `change` with these options.
    fn with(&self, change: Change) -> Change {
        Change { skip_consent: self.skip_consent, first_party: self.first_party, ..change }
    }
}

impl Named {
    /// The client as it is stored.
    async fn find(&self, app: &App) -> Result<StoredClient, CommandError> {
        app.run_to_completion(clients::show(app.clone(), self.client_id.clone()))
            .await
            .map_err(self.about())
    }

    fn about(&self) -> impl FnOnce(Failure) -> CommandError + use<'_> {
        about("client", &self.client_id)
    }
}

fn create(args: &CreateArgs, output: Output) -> Result<(), CommandError> {
    let change = args.flags.with(args.choices.change()?);
    with_app(async |app| {
        let new = New {
            client_id: args.client_id.clone(),
            name: args.name.clone(),
            client_type: args.client_type,
        };
        let named = args.client_id.as_deref().unwrap_or(&args.name);
        let work = clients::create(app.clone(), new, change, RequestInfo::cli(app.now()));
        let changed = app.run_to_completion(work).await.map_err(about("client", named))?;
        rows::registered(&changed, app.issuer(), output)
    })
}

fn update(args: &UpdateArgs, output: Output) -> Result<(), CommandError> {
    let change = Change {
        name: args.name.clone(),
        client_type: args.client_type,
        ..args.flags.with(args.cleared.from(args.choices.change()?))
    };
    let logo = args.logo.change()?;
    if change.is_empty() && logo.is_none() {
        return Err(CommandError::usage(
            "nothing to change.\n  See the options:  signet client update --help",
        ));
    }
    with_app(async |app| {
        let (name, info) = (args.named.client_id.clone(), args.force.info(&app));
        let work = clients::update(app.clone(), name, change, info);
        let mut changed = app.run_to_completion(work).await.map_err(args.named.about())?;
        if let Some(logo) = logo {
            let name = args.named.client_id.clone();
            changed.stored = logo.apply(&app, name).await.map_err(args.named.about())?;
        }
        startup_report::say(&said("Changed", &changed.stored));
        rows::changed(&changed, output)
    })
}

fn rotate_secret(args: &RotateArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let (name, revoke_old) = (args.named.client_id.clone(), args.revoke_old);
        let work = clients::rotate_secret(app.clone(), name, revoke_old, args.force.info(&app));
        let changed = app.run_to_completion(work).await.map_err(args.named.about())?;
        startup_report::say(&said("New secret of", &changed.stored));
        startup_report::say(match changed.stored.client.secrets.len() {
            1 => "It is the only one.\n",
            _ => "The previous one stays valid until the next rotation.\n",
        });
        rows::changed(&changed, output)
    })
}

fn delete(args: &DeleteArgs) -> Result<(), CommandError> {
    prompt::needs_terminal_or_yes(args.yes)?;
    with_app(async |app| {
        let stored = args.named.find(&app).await?;
        let client_id = stored.client.client_id.clone();
        let what = format!("Delete client {} ({client_id})?", stored.client.metadata.name);
        prompt::confirm(&what, args.yes)?;
        let work = clients::delete(app.clone(), client_id, args.force.info(&app));
        app.run_to_completion(work).await.map_err(args.named.about())?;
        startup_report::say(&said("Deleted", &stored));
        Ok(())
    })
}

fn done(verb: &str, stored: &StoredClient, output: Output) -> Result<(), CommandError> {
    startup_report::say(&said(verb, stored));
    Ok(output.one(stored)?)
}

/// One line about the result.
fn said(verb: &str, stored: &StoredClient) -> String {
    format!("{verb} client {} ({})\n", stored.client.metadata.name, stored.client.client_id)
}
