//! `signet api`: the APIs that tokens can be issued for.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::apis::{self, Change, Changed};
use crate::base::{TimeSpan, Timestamp};
use crate::config::spell;
use crate::domain::pagination::Page;
use crate::domain::request_info::RequestInfo;
use crate::domain::token_rules::{MAX_ACCESS_TTL, MIN_ACCESS_TTL, TokenAlg, TokenProfile};
use crate::store::apis::StoredApi;
use crate::view;

use super::error::{CommandError, about};
use super::force::Force;
use super::names::{Names, address, any, names};
use super::output::{Output, Row};
use super::paging::Paging;
use super::prompt;
use super::relative_time::ago;
use super::startup_report;
use super::value_parsers::{OrDefault, time_or_default};
use super::with_app::with_app;

/// The subcommands for APIs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register an API, so that tokens can be issued for it
    #[command(after_help = "Examples:
  signet api create https://api.example.com --scope orders:read='See your orders' --scope orders:write
  signet api create https://api.example.com --claim roles --access-token-ttl 5m
  signet api create https://legacy.example.com --signing-alg RS256 --token-profile jwt
  signet api create urn:internal --signing-alg HS256 -o json | jq -r .shared_secret

The identifier is what clients send as audience and what the API finds as aud in its tokens,
compared byte for byte. A running server knows the API within seconds.")]
    Create(CreateArgs),
    /// Change the scopes and the tokens of an API
    #[command(after_help = "Examples:
  signet api set https://api.example.com --scope orders:read --scope orders:write
  signet api set https://api.example.com --token-profile jwt --claim roles --claim department
  signet api set https://api.example.com --signing-alg default --access-token-ttl default
  signet api set https://api.example.com --key-scope orders:read       users may make API keys with it
  signet api set https://api.example.com --new-secret
  signet api set https://mcp.example.com/mcp --documents on

Each option replaces the whole value; other values stay. Applies to the next log-in or
refresh; tokens that exist stay as they are until they expire.")]
    Set(SetArgs),
    /// List APIs, oldest first
    #[command(after_help = "Examples:
  signet api list
  signet api list -o ndjson | jq -r .identifier")]
    List(Paging),
    /// Show one API
    #[command(after_help = "Examples:
  signet api show https://api.example.com")]
    Show(Named),
    /// Delete an API; no new tokens are issued for it
    #[command(after_help = "Examples:
  signet api delete https://api.example.com --yes

Access tokens issued for it stay valid until they expire; its sessions end at
their next refresh.")]
    Delete(DeleteArgs),
}

/// An API as an argument.
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
    #[arg(value_parser = address)]
    identifier: String,
    #[command(flatten)]
    choices: Choices,
}

/// `signet api set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    choices: Choices,
    /// Remove all scopes
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
    /// Accept no API keys of users
    #[arg(long, conflicts_with = "key_scopes")]
    no_key_scopes: bool,
    /// Put no claims about users into its tokens
    #[arg(long, conflicts_with = "claims")]
    no_claims: bool,
    /// Create a new shared secret (HS256); the old one stops working at once
    #[arg(long)]
    new_secret: bool,
    #[command(flatten)]
    force: Force,
}

/// The options of both commands.
#[derive(Debug, Args)]
pub struct Choices {
    /// A scope that it offers, with an optional description for users; may be given several times
    #[arg(long = "scope", value_name = "SCOPE[=TEXT]", value_parser = described_scopes)]
    scopes: Vec<DescribedScopes>,
    /// A scope that users may give their API keys; may be given several times (default: none, the API accepts
    /// no API keys)
    #[arg(long = "key-scope", value_name = "SCOPE", value_parser = names(any))]
    key_scopes: Vec<Names>,
    /// Signing algorithm of its tokens; `default` follows SIGNET_SIGNING_ALG
    #[arg(long, value_name = "ALG", value_parser = alg_parser())]
    signing_alg: Option<OrDefault<TokenAlg>>,
    /// rfc9068 sends typ at+jwt; jwt sends typ JWT, for verifiers that refuse at+jwt
    #[arg(long, value_name = "PROFILE", value_parser = profile_parser())]
    token_profile: Option<TokenProfile>,
    /// Lifetime of its access tokens, such as 5m; `default` follows SIGNET_ACCESS_TOKEN_TTL
    #[arg(long, value_name = "TIME", value_parser = ttl_parser)]
    access_token_ttl: Option<OrDefault<TimeSpan>>,
    /// A claim about the user in its tokens: roles, groups, email, email_verified or a custom one; may be given
    /// several times
    #[arg(long = "claim", value_name = "NAME", value_parser = names(any))]
    claims: Vec<Names>,
    /// Whether clients that describe themselves (SIGNET_CLIENT_DOCUMENTS) may have tokens for it
    #[arg(long, value_name = "on|off", value_parser = on_or_off())]
    documents: Option<bool>,
}

fn on_or_off() -> impl clap::builder::TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|text| text == "on")
}

fn alg_parser() -> impl clap::builder::TypedValueParser<Value = OrDefault<TokenAlg>> {
    let names = TokenAlg::all().map(|alg| alg.as_str()).chain(["default"]);
    PossibleValuesParser::new(names).try_map(|text| match &*text {
        "default" => Ok(OrDefault(None)),
        text => text.parse::<TokenAlg>().map(|alg| OrDefault(Some(alg))),
    })
}

fn profile_parser() -> impl clap::builder::TypedValueParser<Value = TokenProfile> {
    PossibleValuesParser::new(TokenProfile::ALL.iter().map(|profile| profile.as_str()))
        .try_map(|text| text.parse::<TokenProfile>())
}

fn ttl_parser(text: &str) -> Result<OrDefault<TimeSpan>, String> {
    time_or_default(text, MIN_ACCESS_TTL, MAX_ACCESS_TTL)
}

/// The scopes that one occurrence of `--scope` gives: one with a description, or a list without.
type DescribedScopes = Vec<(String, Option<String>)>;

/// Everything after the first `=` is the description, which may contain commas.
fn described_scopes(text: &str) -> Result<DescribedScopes, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("a scope has a name before the =".to_owned()),
        Some((scope, description)) => Ok(vec![(scope.to_owned(), Some(description.to_owned()))]),
        None => {
            let scopes = Names::all(&[names(any)(text)?]);
            Ok(scopes.into_iter().map(|scope| (scope, None)).collect())
        }
    }
}

impl Choices {
    fn change(&self) -> Change {
        let all = |names: &[Names]| (!names.is_empty()).then(|| Names::all(names));
        let scopes = || self.scopes.iter().flatten();
        let described = scopes().filter_map(|(scope, text)| Some((scope.clone(), text.clone()?)));
        Change {
            scopes: (!self.scopes.is_empty())
                .then(|| scopes().map(|(scope, _)| scope.clone()).collect()),
            // An empty description removes one.
            scope_descriptions: described
                .map(|(scope, text)| (scope, Some(text).filter(|text| !text.is_empty())))
                .collect(),
            key_scopes: all(&self.key_scopes),
            signing_alg: self.signing_alg.map(|chosen| chosen.0),
            token_profile: self.token_profile,
            access_token_ttl: self.access_token_ttl.map(|chosen| chosen.0),
            claims: all(&self.claims),
            documents: self.documents,
            new_secret: false,
        }
    }
}

impl SetArgs {
    fn change(&self) -> Change {
        let change = self.choices.change();
        Change {
            scopes: if self.no_scopes { Some(Vec::new()) } else { change.scopes },
            key_scopes: if self.no_key_scopes { Some(Vec::new()) } else { change.key_scopes },
            claims: if self.no_claims { Some(Vec::new()) } else { change.claims },
            new_secret: self.new_secret,
            ..change
        }
    }
}

/// `signet api delete`.
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

impl Row for StoredApi {
    const HEAD: &'static [&'static str] =
        &["identifier", "scopes", "alg", "profile", "ttl", "claims", "created"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let rules = &self.api.rules;
        vec![
            self.api.identifier.clone(),
            self.api.scopes.to_string(),
            rules.signing_alg.map_or_else(|| "default".to_owned(), |alg| alg.to_string()),
            rules.profile.to_string(),
            rules.access_ttl.map_or_else(|| "default".to_owned(), spell),
            rules.claims.join(" "),
            ago(self.created_at, now),
        ]
    }

    fn json(&self) -> Value {
        view::api(self)
    }
}

/// An API with a shared secret that is shown only once.
struct WithSecret<'a>(&'a Changed);

impl Row for WithSecret<'_> {
    const HEAD: &'static [&'static str] = &["identifier", "alg", "kid", "shared secret"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let stored = &self.0.stored;
        vec![
            stored.api.identifier.clone(),
            stored.api.rules.signing_alg.map(|alg| alg.to_string()).unwrap_or_default(),
            stored.secret.as_ref().map(|secret| secret.kid.clone()).unwrap_or_default(),
            self.0.shared_secret.as_ref().map(|secret| secret.expose().clone()).unwrap_or_default(),
        ]
    }

    fn json(&self) -> Value {
        view::changed_api(self.0)
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Create(args) => with_app(async |app| {
            let (identifier, change) = (args.identifier.clone(), args.choices.change());
            let work = apis::create(app.clone(), identifier, change, RequestInfo::cli(app.now()));
            let changed =
                app.run_to_completion(work).await.map_err(about("api", &args.identifier))?;
            done("Registered", &changed, output)
        }),
        Command::Set(args) => set(args, output),
        Command::List(paging) => with_app(async |app| {
            paging
                .write(output.list(), async |request| -> Result<Page<StoredApi>, CommandError> {
                    Ok(app.run_to_completion(apis::list(app.clone(), request)).await?)
                })
                .await
        }),
        Command::Show(named) => with_app(async |app| {
            let work = apis::show(app.clone(), named.identifier.clone());
            let stored =
                app.run_to_completion(work).await.map_err(about("api", &named.identifier))?;
            Ok(output.one(&stored)?)
        }),
        Command::Delete(args) => delete(args),
    }
}

fn set(args: &SetArgs, output: Output) -> Result<(), CommandError> {
    let change = args.change();
    if change.is_empty() {
        return Err(CommandError::usage(
            "nothing to change.\n  Options:  --scope  --signing-alg  --token-profile  --access-token-ttl  \
             --claim  --documents  --key-scope  --no-scopes  --no-claims  --no-key-scopes  --new-secret",
        ));
    }
    let name = &args.named.identifier;
    with_app(async |app| {
        let work = apis::update(app.clone(), name.clone(), change, args.force.info(&app));
        let changed = app.run_to_completion(work).await.map_err(about("api", name))?;
        done("Changed", &changed, output)
    })
}

fn done(verb: &str, changed: &Changed, output: Output) -> Result<(), CommandError> {
    startup_report::say(&format!("{verb} API {}\n", changed.stored.api.identifier));
    for warning in &changed.warnings {
        startup_report::say(&format!("warning: {warning}\n"));
    }
    if changed.shared_secret.is_none() {
        return Ok(output.one(&changed.stored)?);
    }
    startup_report::say("Copy the shared secret now: it cannot be shown again.\n");
    Ok(output.one(&WithSecret(changed))?)
}

fn delete(args: &DeleteArgs) -> Result<(), CommandError> {
    let name = &args.named.identifier;
    prompt::needs_terminal_or_yes(args.yes)?;
    with_app(async |app| {
        let work = apis::show(app.clone(), name.clone());
        let identifier =
            app.run_to_completion(work).await.map_err(about("api", name))?.api.identifier;
        prompt::confirm(&format!("Delete API {identifier}?"), args.yes)?;
        let work = apis::delete(app.clone(), identifier.clone(), args.force.info(&app));
        app.run_to_completion(work).await.map_err(about("api", name))?;
        startup_report::say(&format!("Deleted API {identifier}\n"));
        Ok(())
    })
}
