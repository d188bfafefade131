//! The command line, for the operator on the machine.
//!
//! Owns arguments, prompts, output and exit codes, with one file per noun. It calls the same use cases as the HTTP
//! API.

mod admin;
mod api;
mod attributes;
mod audit;
mod backup;
mod client;
mod config;
mod db;
mod declarative;
mod dev;
mod error;
mod exit;
mod factors;
mod force;
mod from_file;
mod health;
mod invitations;
mod key;
mod mail;
mod migrate;
mod names;
mod output;
mod overview;
mod paging;
mod prompt;
mod relative_time;
mod serve;
mod session;
mod session_revoke;
mod snippet;
mod startup_report;
mod table;
mod token;
mod trust;
mod user;
mod value_parsers;
mod version;
mod with_app;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::domain::terminal_text::escaped_lines;

use error::CommandError;
use output::{Format, Output};

/// Signet, a token-issuing server: users, passwords, signed tokens, public keys
#[derive(Debug, Parser)]
#[command(
    name = "signet",
    version = version::long(),
    after_help = "Examples:
  signet                        start the server (the same as: signet serve)
  signet user create ada@example.com --role admin
  signet user list -o json
  signet config show

Settings come from the environment and from .env:  signet config example

Exit codes: 0 ok, 1 failed, 2 usage or invalid value, 3 not found, 4 not allowed, 5 conflict,
6 some rows failed, 7 a check found problems, 69 port busy or unreachable, 75 try again,
78 invalid configuration."
)]
struct Cli {
    /// How to write data (default: table on a terminal, else ndjson)
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The subcommand.
#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default without a command)
    #[command(after_help = "Examples:
  signet serve
  SIGNET_ISSUER=https://auth.example.com SIGNET_LISTEN=0.0.0.0:8484 signet serve

The first start creates ./data with database, master key and signing keys, and prints a one-time link
for the first administrator. If a master key exists but no database, something was lost: the start
is refused, unless --new-database is given once. Stop it with Ctrl+C or SIGTERM.")]
    Serve(serve::ServeArgs),
    /// Start a temporary demo on loopback, with a user and an API; it is deleted when it stops
    #[command(after_help = "Examples:
  signet dev
  signet dev --apply signet.toml

With --apply, the server has the objects of the files instead of the user and the API of the demo: stable
client ids, and secrets and passwords from the environment, for the tests of an application. A user alice, an
administrator, is created unless the files declare one.")]
    Dev(dev::DevArgs),
    /// Check whether a server is running; exit 0 if so, 69 if not
    #[command(after_help = "Examples:
  signet health
  signet health --url http://127.0.0.1:9000
  signet health --details

For the health check of a container:  HEALTHCHECK CMD [\"signet\", \"health\"]
--details opens the database, as this machine reaches it. Exit code 7: a check has failed.")]
    Health(health::HealthArgs),
    /// Show what needs attention, and whether the last hours were normal
    #[command(after_help = "Examples:
  signet overview
  signet overview --range 30d
  signet overview -o json | jq .attention

What servers counted in the last minute may be missing.")]
    Overview(overview::OverviewArgs),
    /// Create, show and change users
    #[command(subcommand)]
    User(user::Command),
    /// Register the APIs that tokens can be issued for
    #[command(subcommand)]
    Api(api::Command),
    /// Print a file with which an API verifies its tokens, or a recipe for a gateway
    #[command(after_help = "Examples:
  signet snippet --list
  signet snippet express --audience https://api.example.com --scope orders:read > express.mjs
  signet snippet nginx --audience https://api.example.com --scope orders:read > nginx.conf
  signet snippet node-revocations --audience https://api.example.com --when-stale closed
  signet snippet go --audience https://api.example.com --issuer https://id.example.com

The file is complete and has no secret. Where the database is, it has the algorithm and the type of the tokens of that
API, and an API that is not registered is refused (exit 3). Without a database it is not checked that the API exists, and
the file takes ES256 and RS256.")]
    Snippet(snippet::SnippetArgs),
    /// Register the applications that get tokens
    #[command(subcommand)]
    Client(client::Command),
    /// Trust issuers whose tokens workloads may present
    #[command(subcommand)]
    Trust(trust::Command),
    /// Become the first administrator, and show the permissions
    #[command(subcommand)]
    Admin(admin::Command),
    /// List and end sessions
    #[command(subcommand)]
    Session(session::Command),
    /// Search and follow the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// List, rotate, import and export signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Decode, verify and diagnose tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Test whether mail can be delivered
    #[command(subcommand)]
    Mail(mail::Command),
    /// Show and check the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Show what configuration files would change
    #[command(after_help = "Examples:
  signet plan signet.toml
  signet plan signet.toml -o json > plan.json
  signet plan apis.toml clients.toml --prune --exit-code

Changes nothing. Exit code 7 with --exit-code: there are changes to apply.")]
    Plan(declarative::PlanArgs),
    /// Apply configuration files to APIs, clients and users
    #[command(after_help = "Examples:
  signet apply signet.toml
  signet apply signet.toml --plan plan.json
  signet apply signet.toml --prune
  signet apply signet.toml --secrets-out secrets.ndjson
  generate-config | signet apply -

All or nothing, in one transaction. Objects of other sources are not changed; objects that the files leave out
are deleted only with --prune. Exit code 5: an object belongs to another source, or the plan is outdated.")]
    Apply(declarative::ApplyArgs),
    /// Print the stored objects as a configuration file
    #[command(after_help = "Examples:
  signet export > signet.toml
  signet export --source infra/prod -o json
  signet export --schema > signet.schema.json

Secrets are references: those of the applied file, else to environment variables.")]
    Export(declarative::ExportArgs),
    /// List objects that were changed since configuration files were applied
    #[command(after_help = "Examples:
  signet drift
  signet drift --source infra/prod -o ndjson | jq -r .name

Exit code 7: objects have drifted. signet apply reverts them.")]
    Drift(declarative::DriftArgs),
    /// Make, verify and restore backups
    #[command(subcommand)]
    Backup(backup::Command),
    /// Work on the database file while no server is running
    #[command(subcommand)]
    Db(db::Command),
    /// Show and update the schema of the database
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Print the version
    #[command(after_help = "Examples:
  signet version
  signet version -o json")]
    Version,
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  signet completions bash > /etc/bash_completion.d/signet
  signet completions zsh > \"${fpath[1]}/_signet\"
  signet completions fish > ~/.config/fish/completions/signet.fish")]
    Completions(version::CompletionsArgs),
}

/// Runs the command of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            print(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let output = Output::new(cli.output);
    let done = match &cli.command {
        None => return serve::run(&serve::ServeArgs::default()),
        Some(Command::Serve(args)) => return serve::run(args),
        Some(Command::Dev(args)) => return dev::run(args),
        Some(command) => run(command, output),
    };
    done.map_or_else(CommandError::say, |()| ExitCode::SUCCESS)
}

/// Prints help to stdout or a mistake to stderr; either may be closed. A mistake quotes an argument, which is
/// escaped.
fn print(error: &clap::Error) {
    let plain = error.render().to_string();
    if escaped_lines(&plain) == plain {
        let _ = error.print();
    } else {
        startup_report::say(&plain);
    }
}

fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    let has_csv =
        matches!(command, Command::Audit(_) | Command::Session(session::Command::List(_)));
    if output.chosen() == Some(Format::Csv) && !has_csv {
        return Err(CommandError::usage(
            "-o csv is for lists of events and sessions.\n  Choose table, json or ndjson.",
        ));
    }
    match command {
        // `main` handles these.
        Command::Serve(_) | Command::Dev(_) => Ok(()),
        Command::Health(args) => health::run(args, output),
        Command::Overview(args) => overview::run(args, output),
        Command::User(command) => user::run(command, output),
        Command::Api(command) => api::run(command, output),
        Command::Snippet(args) => snippet::run(args, output),
        Command::Client(command) => client::run(command, output),
        Command::Trust(command) => trust::run(command, output),
        Command::Admin(command) => admin::run(command, output),
        Command::Session(command) => session::run(command, output),
        Command::Audit(command) => audit::run(command, output),
        Command::Key(command) => key::run(command, output),
        Command::Token(command) => token::run(command, output),
        Command::Mail(command) => mail::run(command),
        Command::Config(command) => config::run(command, output),
        Command::Plan(args) => declarative::plan(args, output),
        Command::Apply(args) => declarative::apply(args, output),
        Command::Export(args) => declarative::export(args, output),
        Command::Drift(args) => declarative::drift(args, output),
        Command::Backup(command) => backup::run(command, output),
        Command::Db(command) => db::run(command, output),
        Command::Migrate(command) => migrate::run(command, output),
        Command::Version => version::version(output),
        Command::Completions(args) => version::completions(args),
    }
}

#[cfg(test)]
mod recommended_tests;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_description_and_every_verb_an_example() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no description");
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n  "), "{name} has no example");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
