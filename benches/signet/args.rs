//! What can be chosen.

use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
#[command(about = "Measures Signet beside what the machine can do")]
pub struct Args {
    /// Shorter turns: a look, not a measurement.
    #[arg(long)]
    pub quick: bool,
    /// A million users and ten million sessions as well.
    #[arg(long)]
    pub scale: bool,
    /// How many sessions that are, in place of ten million; a tenth as many users.
    #[arg(long, default_value_t = 10_000_000)]
    pub sessions: u64,
    /// Other providers beside it: oidc-provider, which npm installs.
    #[arg(long)]
    pub peers: bool,
    /// Only works whose name contains this.
    #[arg(long)]
    pub only: Option<String>,
    /// Writes the results there as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Draws the results there as SVG.
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// A PostgreSQL database to use in place of SQLite; it is filled, so name an empty one.
    #[arg(long)]
    pub database_url: Option<String>,
    /// One, two and four processes over that database, in place of everything else.
    #[arg(long, requires = "database_url")]
    pub processes: bool,
    /// What administrators do on a server with many users, in place of everything else.
    #[arg(long, conflicts_with_all = ["scale", "peers", "processes"])]
    pub administration: bool,
    /// How many users and sessions that server has.
    #[arg(long, default_value_t = 1_000_000, requires = "administration")]
    pub users: u64,
    /// Fail where an administrator waits for longer than promised.
    #[arg(long, requires = "administration")]
    pub check: bool,
    /// A setting of the server in place of its default, such as SIGNET_LOG=warn.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    pub bench: bool,
}
