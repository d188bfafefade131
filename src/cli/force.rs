//! `--force`: changing what a configuration file manages.

use clap::Args;

use crate::app::App;
use crate::domain::request_info::RequestInfo;

/// Whether a change goes on although a configuration file manages the object.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Force {
    /// Go on although a configuration file manages it: the next signet apply takes the change back
    #[arg(long)]
    force: bool,
}

impl Force {
    /// A command on this machine, with this choice.
    pub fn info(self, app: &App) -> RequestInfo {
        RequestInfo::cli(app.now()).forced(self.force)
    }
}
