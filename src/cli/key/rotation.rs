//! `signet key rotate` and `signet key retire`: manual changes of keys.
//!
//! Owns the warnings before an irreversible change.

use clap::Args;
use serde_json::{Value, json};

use crate::admin::key_rotation::{self, Changed};
use crate::base::Timestamp;
use crate::cli::error::{CommandError, about};
use crate::cli::output::{Output, Row};
use crate::cli::with_app::with_app;
use crate::cli::{prompt, startup_report};
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::SigningAlg;
use crate::domain::verifier_compat::caching;

use crate::cli::value_parsers::signing_alg;

/// `signet key rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Only keys of this algorithm
    #[arg(long, value_parser = signing_alg())]
    alg: Option<SigningAlg>,
    /// Sign with the new key in 6 seconds, without waiting for verifiers to fetch it
    #[arg(long)]
    now: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// `signet key retire`.
#[derive(Debug, Args)]
pub struct RetireArgs {
    /// The key's name, as `signet key list` shows it
    // It is base64url and may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    /// Retire it although tokens that it signed are still valid; they are refused from now on
    #[arg(long)]
    now: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Row for Changed {
    const HEAD: &'static [&'static str] = &["kid", "alg", "state", "signs at"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![
            self.kid.clone(),
            self.alg.to_string(),
            self.state.to_string(),
            self.signs_at.clone().unwrap_or_default(),
        ]
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// Publishes successors, or signs with them at once.
pub fn rotate(args: &RotateArgs, output: Output) -> Result<(), CommandError> {
    if args.now {
        sure(
            args.yes,
            "Tokens of the new key, at the defaults of these verifiers:",
            &caching::of_a_sudden_key(),
        )?;
    }
    with_app(async |app| {
        if args.now {
            prompt::confirm(
                "Sign in 6 seconds with a key that no verifier has fetched?",
                args.yes,
            )?;
        }
        let work =
            key_rotation::rotate(app.clone(), args.alg, args.now, RequestInfo::cli(app.now()));
        let changed = app.run_to_completion(work).await?;
        for key in &changed {
            startup_report::say(&match &key.signs_at {
                Some(at) => format!("Published {} key {}; it signs at {at}\n", key.alg, key.kid),
                None => format!("{} key {} signs from now on\n", key.alg, key.kid),
            });
        }
        let mut list = output.list();
        list.rows(&changed)?;
        Ok(list.end()?)
    })
}

/// Removes a key from the published set.
pub fn retire(args: &RetireArgs) -> Result<(), CommandError> {
    if args.now {
        sure(
            args.yes,
            "Verifiers refuse its tokens after their next fetch of the keys, and until then:",
            &caching::of_a_missing_key(),
        )?;
    }
    with_app(async |app| {
        if args.now {
            prompt::confirm(&format!("Retire key {} at once?", args.kid), args.yes)?;
        }
        let (kid, info) = (args.kid.clone(), RequestInfo::cli(app.now()));
        let work = key_rotation::retire(app.clone(), kid, args.now, info);
        app.run_to_completion(work).await.map_err(about("key", &args.kid))?;
        startup_report::say(&format!("Retired key {}\n", args.kid));
        Ok(())
    })
}

/// Prints the consequences; refuses without `--yes` if there is no terminal.
fn sure(yes: bool, what: &str, lines: &[String]) -> Result<(), CommandError> {
    let asked = prompt::needs_terminal_or_yes(yes);
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    match asked {
        Ok(()) => startup_report::say(&format!("{what}\n{lines}")),
        Err(failure) => return Err(failure.and(&format!("{what}\n{lines}"))),
    }
    Ok(())
}
