//! `signet trust`: issuers whose tokens workloads may present.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::trusted_issuers::{self, NewIssuer};
use crate::base::{TimeSpan, Timestamp};
use crate::config::{length_of_time, spell};
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::SigningAlg;
use crate::domain::workload::{
    LONGEST_MAX_LIFE, NAME_RULE, Preset, SHORTEST_MAX_LIFE, TrustedIssuer, is_issuer_name,
};
use crate::view;

use super::client::jwks_of;
use super::error::{CommandError, about};
use super::output::{Output, Row};
use super::prompt;
use super::relative_time::ago;
use super::startup_report;
use super::value_parsers::{signing_alg, words};
use super::with_app::with_app;

/// The subcommands for trusted issuers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trust an issuer, so that rules of clients can name its workloads
    #[command(after_help = "Examples:
  signet trust add github
  signet trust add gitlab --issuer https://gitlab.example.com --max-life 3h
  signet trust add prod --preset kubernetes --issuer https://kubernetes.default.svc --jwks-file jwks.json
  signet trust add mesh --preset spiffe --issuer spiffe://example.org --jwks-file bundle.json
  signet trust add build --issuer https://ci.example.internal --allow-network 10.1.0.0/16

Then say which workloads a client is:
  signet client update deploy --workload 'github: repository_id=123,ref=refs/heads/main'")]
    Add(AddArgs),
    /// List trusted issuers
    #[command(after_help = "Examples:
  signet trust list
  signet trust list -o ndjson | jq -r .issuer")]
    List,
    /// Show a trusted issuer with its keys
    #[command(after_help = "Examples:
  signet trust show github")]
    Show(Named),
    /// Stop trusting an issuer
    #[command(after_help = "Examples:
  signet trust remove gitlab --yes

Rules of clients that name it have to go first: signet client update CLIENT_ID --no-workloads")]
    Remove(RemoveArgs),
}

/// A trusted issuer as an argument.
#[derive(Debug, Args)]
pub struct Named {
    /// The name of the issuer
    #[arg(value_name = "NAME")]
    name: String,
}

/// `signet trust add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name in rules: github and gitlab are presets, other names are yours to choose
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// The value of iss in its tokens; by default that of github and gitlab
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The kind of issuer (default: that of its name, else oidc)
    #[arg(long, value_name = "PRESET", value_parser = words(Preset::ALL, Preset::as_str))]
    preset: Option<Preset>,
    /// Its public keys: a file with a JWK set, or - for stdin (default: they are fetched by discovery)
    #[arg(long, value_name = "FILE|-")]
    jwks_file: Option<PathBuf>,
    /// An algorithm that it may sign with; may be given several times (default: all)
    #[arg(long = "alg", value_name = "ALG", value_parser = signing_alg())]
    algs: Vec<SigningAlg>,
    /// The longest lifetime of its tokens, at most 24h (default: 1h)
    #[arg(long, value_name = "TIME", value_parser = life)]
    max_life: Option<TimeSpan>,
    /// A private network in which its host may be (default: public addresses only); may be given several times
    #[arg(long = "allow-network", value_name = "CIDR")]
    networks: Vec<String>,
}

/// `signet trust remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    named: Named,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

fn name(text: &str) -> Result<String, String> {
    if is_issuer_name(text) { Ok(text.to_owned()) } else { Err(NAME_RULE.to_owned()) }
}

fn life(text: &str) -> Result<TimeSpan, String> {
    length_of_time(text, SHORTEST_MAX_LIFE..=LONGEST_MAX_LIFE)
}

impl Row for TrustedIssuer {
    const HEAD: &'static [&'static str] =
        &["name", "preset", "issuer", "keys", "max life", "networks", "added"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        let keys = self.jwks.as_ref();
        vec![
            self.name.clone(),
            self.preset.to_string(),
            self.issuer.clone(),
            keys.map_or_else(|| "discovery".to_owned(), |keys| keys.len().to_string()),
            spell(self.max_life),
            if networks.is_empty() { "(public)".to_owned() } else { networks.join(" ") },
            ago(self.created_at, now),
        ]
    }

    fn json(&self) -> Value {
        view::trusted_issuer(self)
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Add(args) => add(args, output),
        Command::List => with_app(async |app| {
            let all = app.run_to_completion(trusted_issuers::list(app.clone())).await?;
            let mut list = output.list();
            list.rows(&all)?;
            Ok(list.end()?)
        }),
        Command::Show(named) => with_app(async |app| {
            let work = trusted_issuers::show(app.clone(), named.name.clone());
            let found = app.run_to_completion(work).await.map_err(named.about())?;
            Ok(output.one(&found)?)
        }),
        Command::Remove(args) => remove(args),
    }
}

impl Named {
    fn about(&self) -> impl FnOnce(Failure) -> CommandError + use<'_> {
        about("trusted issuer", &self.name)
    }
}

fn add(args: &AddArgs, output: Output) -> Result<(), CommandError> {
    let new = NewIssuer {
        name: args.name.clone(),
        issuer: args.issuer.clone(),
        preset: args.preset,
        jwks: jwks_of(args.jwks_file.as_deref())?,
        algs: args.algs.clone(),
        max_life: args.max_life,
        networks: args.networks.clone(),
    };
    with_app(async |app| {
        let work = trusted_issuers::add(app.clone(), new, RequestInfo::cli(app.now()));
        let named = about("trusted issuer", &args.name);
        let added = app.run_to_completion(work).await.map_err(named)?;
        startup_report::say(&format!("Trusts {} ({})\n", added.name, added.issuer));
        Ok(output.one(&added)?)
    })
}

fn remove(args: &RemoveArgs) -> Result<(), CommandError> {
    prompt::needs_terminal_or_yes(args.yes)?;
    with_app(async |app| {
        let name = args.named.name.clone();
        prompt::confirm(&format!("Trust the issuer {name} no longer?"), args.yes)?;
        let work = trusted_issuers::remove(app.clone(), name.clone(), RequestInfo::cli(app.now()));
        app.run_to_completion(work).await.map_err(args.named.about())?;
        startup_report::say(&format!("Trusts {name} no longer\n"));
        Ok(())
    })
}
