//! `signet key`: the signing keys. Their private halves are never printed.

mod import;
mod rewrap;
mod rotation;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::admin::keys::{self, NextStage, PublicKey};
use crate::base::Timestamp;
use crate::domain::signing_key::SigningAlg;

use super::error::CommandError;
use super::exit::Exit;
use super::output::{self, Output, Row};
use super::relative_time::ago;
use super::startup_report;
use super::with_app::with_app;

use super::value_parsers::signing_alg;

/// The subcommands for signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List signing keys, oldest first
    #[command(after_help = "Examples:
  signet key list
  signet key list -o ndjson | jq -r 'select(.default) | .kid'")]
    List,
    /// Replace the signing key with a new one
    #[command(after_help = "Examples:
  signet key rotate                    publish a successor now; it signs in a day
  signet key rotate --alg RS256
  signet key rotate --now --yes        sign with it 6 s later

Keys rotate automatically (SIGNET_KEY_ROTATION); this starts it early. Issued tokens stay valid
in both cases. With --now, verifiers refuse tokens of the new key until they have fetched it.")]
    Rotate(rotation::RotateArgs),
    /// Remove a key from the published set
    #[command(after_help = "Examples:
  signet key retire KID                only a key that does not sign yet
  signet key retire KID --now --yes    a stolen key: its tokens are refused

A replaced key is retired automatically when the last token it signed has expired.")]
    Retire(rotation::RetireArgs),
    /// Import a private key from another issuer
    #[command(after_help = "Examples:
  signet key import old-issuer.pem --kid 2024-01              tokens it signed stay valid for a day
  signet key import old-issuer.pem --kid 2024-01 --for 30d
  signet key import jwk.json --sign                           sign with it from now on
  op read op://vault/key | signet key import - --alg PS256

Takes PEM or DER (PKCS#8, PKCS#1, SEC 1) and JWK. Verifiers look a key up by its name: give it the
kid it had (a JWK contains it). Tokens of another issuer are valid only under the same issuer URL.")]
    Import(import::ImportArgs),
    /// Seal everything under a new master key
    #[command(after_help = "Examples:
  SIGNET_MASTER_KEY_OLD_FILE=old.key SIGNET_MASTER_KEY_FILE=new.key signet key rewrap

First restart every server with both keys, then run this, then replace the old key by the new
one (data/master.key, or the setting that names it) and restart them without the old one, at any time.
No user is logged out and no signing key changes. It is atomic: after an interruption,
run it again. Keep the old key for older backups.")]
    Rewrap,
    /// Print the public keys: the JWKS as it is published, or PEM
    #[command(after_help = "Examples:
  signet key export > jwks.json
  signet key export --format pem --alg RS256 > signet.pem

For verifiers that cannot fetch /.well-known/jwks.json; give them every new key.")]
    Export(ExportArgs),
}

/// `signet key export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The format to print
    #[arg(long, value_enum, default_value_t = ExportFormat::Jwks)]
    format: ExportFormat,
    /// Only keys of this algorithm
    #[arg(long, value_parser = signing_alg())]
    alg: Option<SigningAlg>,
}

/// A form of public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A JSON Web Key Set (RFC 7517)
    Jwks,
    /// One SubjectPublicKeyInfo per key (RFC 7468)
    Pem,
}

impl Row for PublicKey {
    const HEAD: &'static [&'static str] =
        &["kid", "alg", "state", "default", "since", "next", "held by"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.kid.clone(),
            self.alg.to_string(),
            self.state.to_string(),
            if self.default { "yes".to_owned() } else { String::new() },
            ago(self.since, now),
            self.next.as_ref().map_or_else(String::new, |next| next_cell(next, now)),
            self.verifiers
                .as_ref()
                .map_or_else(String::new, |held| format!("{} of {}", held.holding, held.known)),
        ]
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

fn next_cell(next: &NextStage, now: Timestamp) -> String {
    if next.waits_for_verifiers {
        return format!("{}, waits for verifiers", next.what);
    }
    format!("{} {}", next.what, ago(next.at, now))
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::List => with_app(async |app| {
            let all = app.run_to_completion(keys::list(app.clone(), app.now())).await?;
            let mut list = output.list();
            list.rows(&all)?;
            list.end()?;
            startup_report::say(&missing(&all, output.now()));
            Ok(())
        }),
        Command::Rotate(args) => rotation::rotate(args, output),
        Command::Retire(args) => rotation::retire(args),
        Command::Import(args) => import::import(args, output),
        Command::Rewrap => rewrap::rewrap(),
        Command::Export(args) => export(args),
    }
}

/// Lists the verifiers that lack a published key.
fn missing(all: &[PublicKey], now: Timestamp) -> String {
    let mut text = String::new();
    for key in all {
        let Some(held) = &key.verifiers else { continue };
        if let Some(first) = held.missing.first() {
            text.push_str(&format!(
                "{} of {} known verifiers hold {} key {}; last miss: {}, {}\n",
                held.holding,
                held.known,
                key.alg,
                key.kid,
                first.name,
                ago(first.last_fetch_at, now)
            ));
        }
    }
    text
}

fn export(args: &ExportArgs) -> Result<(), CommandError> {
    with_app(async |app| {
        let text = match args.format {
            // Byte for byte what verifiers fetch, so that the two can be compared.
            ExportFormat::Jwks if args.alg.is_none() => keys::jwks(&app),
            ExportFormat::Jwks => {
                let chosen: Vec<Value> = exported(args, keys::published(&app)?)?
                    .into_iter()
                    .map(|key| key.jwk)
                    .collect();
                json!({ "keys": chosen }).to_string()
            }
            ExportFormat::Pem => {
                exported(args, keys::published(&app)?)?.into_iter().map(|key| key.pem).collect()
            }
        };
        // Both forms are ASCII, so nothing is escaped.
        Ok(output::write(&format!("{}\n", text.trim_end()))?)
    })
}

fn exported(
    args: &ExportArgs,
    mut keys: Vec<keys::Published>,
) -> Result<Vec<keys::Published>, CommandError> {
    if let Some(alg) = args.alg {
        keys.retain(|key| key.alg == alg);
        if keys.is_empty() {
            return Err(CommandError::new(
                Exit::NotFound,
                format!("no key of algorithm {alg} is published.\n  See:  signet key list"),
            ));
        }
    }
    Ok(keys)
}
