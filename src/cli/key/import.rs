//! `signet key import`: imports a private key of another issuer.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::admin::key_import::{self, Use};
use crate::admin::key_rotation::Changed;
use crate::base::TimeSpan;
use crate::cli::error::{CommandError, about};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::startup_report;
use crate::cli::with_app::with_app;
use crate::config;
use crate::crypto::import as crypto;
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::{SigningAlg, is_kid};

use crate::cli::value_parsers::signing_alg;

/// `signet key import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Algorithm of an RSA key (default: that of its JWK, else RS256)
    #[arg(long, value_parser = signing_alg())]
    alg: Option<SigningAlg>,
    /// The kid under which verifiers know it (default: that of its JWK, else its RFC 7638 thumbprint)
    #[arg(long, value_parser = parse_kid)]
    kid: Option<String>,
    /// How long tokens that it signed may still be valid
    #[arg(long = "for", value_name = "TIME", default_value = "24h", conflicts_with = "sign",
        value_parser = parse_span)]
    verify_for: TimeSpan,
    /// Sign new tokens with it
    #[arg(long)]
    sign: bool,
}

/// The longest key file that is read.
const MAX_KEY_FILE: u64 = 64 * 1024;

fn parse_span(text: &str) -> Result<TimeSpan, String> {
    config::length_of_time(text, TimeSpan::from_secs(1)..=TimeSpan::from_days(3650))
}

fn parse_kid(text: &str) -> Result<String, String> {
    if is_kid(text) {
        Ok(text.to_owned())
    } else {
        Err("a kid has 1 to 255 printable ASCII characters".to_owned())
    }
}

/// Imports a key.
pub fn import(args: &ImportArgs, output: Output) -> Result<(), CommandError> {
    let bytes = read(&args.file)?;
    let mut imported = crypto::import(&bytes, args.alg).map_err(|error| {
        CommandError::new(Exit::Usage, format!("{}: {error}", args.file.display()))
    })?;
    if let Some(kid) = &args.kid {
        imported.kid = Some(kid.clone());
    }
    let wanted = if args.sign { Use::Sign } else { Use::Verify(args.verify_for) };
    with_app(async |app| {
        let work = key_import::import(app.clone(), imported, wanted, RequestInfo::cli(app.now()));
        let taken = app
            .run_to_completion(work)
            .await
            .map_err(about("key", &args.file.to_string_lossy()))?;
        startup_report::say(&match wanted {
            Use::Sign => format!("{} key {} signs from now on\n", taken.alg, taken.kid),
            Use::Verify(_) => format!(
                "{} key {} is published to verify the tokens it signed; it signs no new tokens\n",
                taken.alg, taken.kid
            ),
        });
        let key = Changed { kid: taken.kid, alg: taken.alg, state: taken.state, signs_at: None };
        Ok(output.one(&key)?)
    })
}

/// The content of a key file, wiped on drop.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_KEY_FILE).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_KEY_FILE).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        CommandError::new(Exit::Usage, format!("{} cannot be read: {error}.", path.display()))
    })?;
    Ok(bytes)
}
