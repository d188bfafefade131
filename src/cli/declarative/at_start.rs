//! Files that are applied before a server serves.

use std::path::PathBuf;
use std::time::Instant;

use crate::admin::declarative::{self, Action, Choices, Plan};
use crate::app::App;
use crate::cli::serve::Refused;
use crate::domain::outcome::{Failure, FaultKind};
use crate::domain::request_info::RequestInfo;

use super::files;

/// Applies all files or none. If several servers start at once, one of them makes the changes and the others find
/// nothing to do.
///
/// # Errors
/// Exit code 78 with every mistake; 75 when the database is temporarily unavailable.
pub async fn apply(app: &App, paths: &[PathBuf], what: &str) -> Result<(), Refused> {
    if paths.is_empty() {
        return Ok(());
    }
    let wrong = |text: &str| Refused::new(78, format!("{what} cannot be applied:\n{text}"));
    let inputs = files::read(paths).map_err(|error| wrong(&error.text()))?;
    let declarations =
        declarative::read(app, &inputs).map_err(|mistakes| wrong(&mistakes.to_string()))?;
    let begun = Instant::now();
    let plan = loop {
        let info = RequestInfo::system(app.now());
        match declarative::apply(app, &declarations, &Choices::default(), &info).await {
            Ok(plan) => break plan,
            Err(Failure::Refused(refusal)) => return Err(wrong(&refusal.message)),
            // Another starting server has the lock.
            Err(Failure::Failed(fault))
                if fault.kind == FaultKind::Unavailable
                    && begun.elapsed() < app.config.database_wait.std() =>
            {
                tracing::debug!(%fault, "applying configuration files again");
            }
            Err(Failure::Failed(fault)) => {
                let code = if fault.kind == FaultKind::Unavailable { 75 } else { 1 };
                return Err(Refused::new(code, format!("{what} cannot be applied: {fault}")));
            }
        }
    };
    tell(&plan);
    Ok(())
}

fn tell(plan: &Plan) {
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    if plan.has_changes() {
        let (created, changed) = (count(Action::Create), count(Action::Update));
        tracing::info!(
            "configuration files were applied: {created} objects created, {changed} changed"
        );
    }
    let left_out = count(Action::LeftOut);
    if left_out > 0 {
        tracing::warn!(
            "{left_out} objects are left out of the configuration files: signet apply --prune deletes them"
        );
    }
}
