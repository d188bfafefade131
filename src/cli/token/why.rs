//! `signet token why`: every check of a token, one per line, and the conclusion.
//!
//! Owns the output on a terminal. The token is neither consumed nor printed.

use clap::Args;

use crate::admin::token_diagnosis;
use crate::base::Timestamp;
use crate::domain::token_diagnosis::Report;
use crate::view;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{self, Format, Output};
use crate::cli::with_app::with_app;

use super::input::TokenArgs;

/// `signet token why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    #[command(flatten)]
    token: TokenArgs,
    /// The audience the token must be for
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Evaluate it as of this time: RFC 3339, or seconds since 1970 (default: now)
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("write it like 2026-11-18T11:06:40Z, or as seconds since 1970")
}

/// Prints the diagnosis of a token.
pub fn run(args: &WhyArgs, output: Output) -> Result<(), CommandError> {
    let token = args.token.read()?;
    with_app(async |app| {
        let at = args.at.unwrap_or_else(|| app.now());
        let work = token_diagnosis::why(app.clone(), token, args.audience.clone(), at);
        let report = app.run_to_completion(work).await?;
        match output.format() {
            Format::Table => output::write(&lines(&report))?,
            _ => output.object(&view::token_report(&report))?,
        }
        if report.good { Ok(()) } else { Err(CommandError::told(Exit::CheckFailed)) }
    })
}

/// The checks, one per line, and the conclusion.
fn lines(report: &Report) -> String {
    let mut text = String::new();
    for checked in &report.checks {
        let mark = match checked.ok {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "-",
        };
        let detail = checked.detail.as_deref().unwrap_or_default();
        let line = format!("{mark:<8}{:<11}{detail}", checked.check.as_str());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    match report.code {
        Some(code) => text.push_str(&format!(
            "\nNot valid ({code}): {}\nWhat to do:  {}\n",
            report.message,
            code.page()
        )),
        None => text.push_str(&format!("\n{}\n", report.message)),
    }
    text
}
