//! `signet key`: the signing keys. Their private halves are never printed.

use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use serde_json::{Value, json};

use crate::admin::keys::{self, PublicKey};
use crate::base::Timestamp;
use crate::domain::signing_key::SigningAlg;

use super::ago::ago;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Output, Row};
use super::work::with_app;

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List signing keys, oldest first
    #[command(after_help = "Examples:
  signet key list
  signet key list -o ndjson | jq -r 'select(.default) | .kid'")]
    List,
    /// Print the public keys: the JWKS as it is published, or PEM
    #[command(after_help = "Examples:
  signet key export > jwks.json
  signet key export --format pem --alg RS256 > signet.pem

For verifiers that cannot fetch /.well-known/jwks.json; they must be told of every new key.")]
    Export(ExportArgs),
}

/// `signet key export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to print
    #[arg(long, value_enum, default_value_t = ExportFormat::Jwks)]
    format: ExportFormat,
    /// Only keys of this algorithm
    #[arg(long, value_parser = PossibleValuesParser::new(SigningAlg::ALL.iter().map(|a| a.as_str()))
        .try_map(|text| text.parse::<SigningAlg>()))]
    alg: Option<SigningAlg>,
}

/// A form of public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A JSON Web Key Set (RFC 7517)
    Jwks,
    /// One SubjectPublicKeyInfo a key (RFC 7468)
    Pem,
}

impl Row for PublicKey {
    const HEAD: &'static [&'static str] = &["kid", "alg", "state", "default", "created"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.kid.clone(),
            self.alg.to_string(),
            self.state.to_string(),
            if self.default { "yes".to_owned() } else { String::new() },
            ago(self.created_at, now),
        ]
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::List => with_app(async |app| {
            let mut list = output.list();
            list.rows(&app.run(keys::list(app.clone())).await?)?;
            Ok(list.end()?)
        }),
        Command::Export(args) => export(args),
    }
}

fn export(args: &ExportArgs) -> Result<(), Failure> {
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
        Ok(output::write(&format!("{}\n", text.trim_end()))?)
    })
}

fn exported(
    args: &ExportArgs,
    mut keys: Vec<keys::Published>,
) -> Result<Vec<keys::Published>, Failure> {
    if let Some(alg) = args.alg {
        keys.retain(|key| key.alg == alg);
        if keys.is_empty() {
            return Err(Failure::new(
                Exit::NotFound,
                format!("no key of algorithm {alg} is published.\n  See:  signet key list"),
            ));
        }
    }
    Ok(keys)
}
