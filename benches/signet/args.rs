//! The options of the benchmark.

use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
#[command(about = "Measures Signet beside what the machine can do")]
pub struct Args {
    /// Shorter rounds: faster, but less precise
    #[arg(long)]
    pub quick: bool,
    /// Also with a million users and ten million sessions
    #[arg(long)]
    pub scale: bool,
    /// The number of sessions for --scale; a tenth as many users
    #[arg(long, default_value_t = 10_000_000)]
    pub sessions: u64,
    /// Also other providers: oidc-provider, which npm installs
    #[arg(long)]
    pub peers: bool,
    /// Only measurements whose name contains this text
    #[arg(long)]
    pub only: Option<String>,
    /// Write the results to this file as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Draw the results to this file as SVG
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// A PostgreSQL database to use in place of SQLite; it is filled, so it must be empty
    #[arg(long)]
    pub database_url: Option<String>,
    /// Only one, two and four processes over that database
    #[arg(long, requires = "database_url")]
    pub processes: bool,
    /// Only administration on a server with many users
    #[arg(long, conflicts_with_all = ["scale", "peers", "processes"])]
    pub administration: bool,
    /// The number of users and sessions for --administration
    #[arg(long, default_value_t = 1_000_000, requires = "administration")]
    pub users: u64,
    /// Fail if a limit of --administration is exceeded
    #[arg(long, requires = "administration")]
    pub check: bool,
    /// A setting of the server, such as SIGNET_LOG=warn
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
}
