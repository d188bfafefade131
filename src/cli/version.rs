//! `signet version` and `signet completions`: about the binary itself.

use std::sync::LazyLock;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::Cli;
use super::error::CommandError;
use super::output::{self, Output};

/// `signet completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

/// The commit that a release build was made of, and its date. The build that knows them sets both
/// variables; any other is of an unknown commit.
const COMMIT: Option<&str> = option_env!("BUILD_COMMIT");
const COMMIT_DATE: Option<&str> = option_env!("BUILD_COMMIT_DATE");

/// Version and commit on one line.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match (given(COMMIT), given(COMMIT_DATE)) {
            (Some(commit), Some(date)) => format!("{version} ({commit}, {date})"),
            (Some(commit), None) => format!("{version} ({commit})"),
            (None, _) => format!("{version} (unknown commit)"),
        }
    });
    &LONG
}

/// A build file may pass a variable on that has no value.
fn given(variable: Option<&'static str>) -> Option<&'static str> {
    variable.filter(|value| !value.is_empty())
}

/// Prints the version.
pub fn version(output: Output) -> Result<(), CommandError> {
    let facts = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": given(COMMIT),
        "commit_date": given(COMMIT).and(given(COMMIT_DATE)),
    });
    Ok(output.text_or(&format!("signet {}\n", long()), &facts)?)
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<(), CommandError> {
    // Into memory first: the generator panics where its output has been closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signet", &mut script);
    Ok(output::write(&String::from_utf8_lossy(&script))?)
}
