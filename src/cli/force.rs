//! `--force`: changing what a configuration file manages.

use clap::Args;

use crate::app::App;
use crate::domain::request_info::RequestInfo;

/// Whether an object is changed although a configuration file manages it.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Force {
    /// Make the change although a configuration file manages the object; the next signet apply reverts it
    #[arg(long)]
    force: bool,
}

impl Force {
    /// A command on this machine, with this choice.
    pub fn info(self, app: &App) -> RequestInfo {
        RequestInfo::cli(app.now()).forced(self.force)
    }
}
