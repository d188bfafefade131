//! The rights of a user in the console.
//!
//! Owns the one check that menus, buttons and handlers use. The table is `domain::permission`; the use cases check it
//! again, in the transaction of the change.

use crate::domain::outcome::Refusal;
use crate::domain::permission::TargetKind;
use crate::http::error::Problem;
use crate::identity::console_session;

pub use crate::domain::permission::Action;

use super::Console;

impl Console {
    /// Whether this user may perform the action on some target.
    pub(super) fn may(&self, action: Action) -> bool {
        console_session::authority(&self.visited.here).require(action).is_ok()
    }

    /// Whether this user may perform the action on a target of this kind.
    pub(super) fn may_to(&self, action: Action, kind: TargetKind) -> bool {
        console_session::authority(&self.visited.here).require_on(action, [kind]).is_ok()
    }

    /// Refuses an action that this user may not perform on a target of this kind.
    pub(super) fn require_to(&self, action: Action, kind: TargetKind) -> Result<(), Problem> {
        let authority = console_session::authority(&self.visited.here);
        authority
            .require_on(action, [kind])
            .map_err(|denied| self.context().problem(Refusal::from(denied).into()))
    }
}
