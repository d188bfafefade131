//! `signet key rewrap`: seals all secrets in the database under a new master key.

use crate::admin::master_key::{self, Rewrapped};
use crate::cli::error::CommandError;
use crate::cli::startup_report;
use crate::cli::with_app::with_app;
use crate::domain::request_info::RequestInfo;

/// Seals all secrets under the new master key.
pub fn rewrap() -> Result<(), CommandError> {
    with_app(async |app| {
        let info = RequestInfo::cli(app.now());
        let done = app.run_to_completion(master_key::rewrap(app.clone(), info)).await;
        let done = done.map_err(|stop| {
            CommandError::from(stop).and(
                "To replace it:  the new one in SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE,\n\
                     the current one in SIGNET_MASTER_KEY_OLD or SIGNET_MASTER_KEY_OLD_FILE",
            )
        })?;
        startup_report::say(match done {
            Rewrapped::Done => {
                "Everything is sealed under the new master key\n\
                 Replace the old key by the new one (in the file data/master.key, or in the \
                 setting that\nnames it), then restart every server without the old one.\n"
            }
            Rewrapped::Already => "Everything was already sealed under the new master key\n",
        });
        Ok(())
    })
}
