//! `signet version` and `signet completions`: about the binary itself.

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

/// Prints the version.
pub fn version(output: Output) -> Result<(), CommandError> {
    let version = env!("CARGO_PKG_VERSION");
    Ok(output.text_or(&format!("signet {version}\n"), &json!({ "version": version }))?)
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<(), CommandError> {
    // Into memory first: the generator panics where its output has been closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signet", &mut script);
    Ok(output::write(&String::from_utf8_lossy(&script))?)
}
