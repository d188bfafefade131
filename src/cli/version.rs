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
    static LONG: LazyLock<String> =
        LazyLock::new(|| long_of(build_info::commit(), build_info::commit_date()));
    &LONG
}

fn long_of(commit: Option<&str>, date: Option<&str>) -> String {
    let version = build_info::VERSION;
    match (commit, date) {
        (Some(commit), Some(date)) => format!("{version} ({commit}, {date})"),
        (Some(commit), None) => format!("{version} ({commit})"),
        (None, _) => format!("{version} (unknown commit)"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_commit_if_it_is_known() {
        let version = build_info::VERSION;
        for (commit, date, expected) in [
            (Some("1109ed15"), Some("2026-03-01"), "(1109ed15, 2026-03-01)"),
            (Some("1109ed15"), None, "(1109ed15)"),
            (None, Some("2026-03-01"), "(unknown commit)"),
            (None, None, "(unknown commit)"),
        ] {
            assert_eq!(long_of(commit, date), format!("{version} {expected}"));
        }
    }
}
