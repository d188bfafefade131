//! What is done again in a restored database, so that the restore does not undo it.

use crate::admin::{key_rotation, users};
use crate::app::App;
use crate::base::Timestamp;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::request_info::RequestInfo;

use super::Undone;

/// A kind of change that a restore carries over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Users who were disabled since the backup are disabled.
    Disabled,
    /// Signing keys that were retired since the backup are retired.
    Retired,
}

/// Does again what `undone` names of these kinds. What the rules refuse, such as disabling the only administrator, is
/// returned in words.
pub(super) async fn apply(
    app: &App,
    kinds: &[Carried],
    undone: &Undone,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let info = RequestInfo::cli(now).forced(true);
    let mut refused = Vec::new();
    let mut note = |name: &str, outcome: Result<(), Failure>| match outcome {
        Ok(()) => Ok(()),
        Err(Failure::Refused(refusal)) => {
            refused.push(format!("{name}: {}", refusal.message));
            Ok(())
        }
        Err(Failure::Failed(fault)) => Err(fault),
    };
    if kinds.contains(&Carried::Disabled) {
        for (id, login) in &undone.disabled {
            let disabled = users::disable(app.clone(), *id, info.clone()).await;
            note(login, disabled.map(drop))?;
        }
    }
    if kinds.contains(&Carried::Retired) {
        for kid in &undone.keys {
            let retired = key_rotation::retire(app.clone(), kid.clone(), true, info.clone()).await;
            note(kid, retired)?;
        }
    }
    Ok(refused)
}
