//! `signet version` and `signet completions`.

use std::sync::LazyLock;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::Cli;
use super::error::CommandError;
use super::output::{self, Output};
use crate::base::build_info;

/// `signet completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Version and commit on one line.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let version = build_info::VERSION;
        match (build_info::commit(), build_info::commit_date()) {
            (Some(commit), Some(date)) => format!("{version} ({commit}, {date})"),
            (Some(commit), None) => format!("{version} ({commit})"),
            (None, _) => format!("{version} (unknown commit)"),
        }
    });
    &LONG
}

/// Prints the version.
pub fn version(output: Output) -> Result<(), CommandError> {
    let facts = json!({
        "version": build_info::VERSION,
        "commit": build_info::commit(),
        "commit_date": build_info::commit_date(),
    });
    Ok(output.text_or(&format!("signet {}\n", long()), &facts)?)
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<(), CommandError> {
    // Buffered, because the generator panics on a closed output.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signet", &mut script);
    Ok(output::write(&String::from_utf8_lossy(&script))?)
}
