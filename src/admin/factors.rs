//! The second factors of users: listing them, and removing them for users who have lost theirs.

use crate::app::App;
use crate::base::id::{FactorId, UserId};
use crate::domain::audit::EventKind;
use crate::domain::helpdesk::Reset;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::identity::factors::{self as own, Overview};
use crate::identity::notifications::{Notification, notify};
use crate::store::{factors, recovery_codes, users};

use super::authorization::limit_helpdesk;
use super::users::{change, show};

/// The factors of a user, and how many recovery codes are left.
///
/// # Errors
/// `not_found`.
pub async fn list(app: App, id: UserId) -> Result<Overview, Failure> {
    show(app.clone(), id).await?;
    own::overview(app, id).await
}

/// Removes all factors and recovery codes of a user and ends all sessions: the password alone signs in afterwards.
/// Returns whether there were any.
///
/// # Errors
/// `not_found`; `forbidden`; `conflict` when the helpdesk has just sent the user a link to a new password.
pub async fn reset(app: App, id: UserId, info: RequestInfo) -> Result<bool, Failure> {
    let now = info.now;
    change(&app, Action::ResetFactors, id, &info, async |tx, user| {
        let removed = factors::delete_all(tx, id).await?;
        let codes = recovery_codes::left(tx, id).await?;
        if removed == 0 && codes == 0 {
            return Ok(None);
        }
        limit_helpdesk(tx, id, Reset::Factors).await?;
        recovery_codes::delete_all(tx, id).await?;
        factors::require_no_second(tx, id).await?;
        users::raise_epoch(tx, id, now).await?;
        notify(tx, &user, Notification::FactorsReset).await?;
        Ok(Some((EventKind::FactorsReset, "all")))
    })
    .await
}

/// Removes one factor of a user and ends all sessions. Recovery codes are removed with the last factor.
///
/// # Errors
/// `not_found`.
pub async fn remove(
    app: App,
    id: UserId,
    factor: FactorId,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let removed = change(&app, Action::ResetFactors, id, &info, async |tx, user| {
        let stored = factors::of_user(tx, id).await?;
        let found = stored.iter().find(|stored| stored.factor.id == factor);
        let none = || Refusal::new(Code::NotFound, "There is no such factor.");
        let kind = found.ok_or_else(none)?.factor.kind;
        limit_helpdesk(tx, id, Reset::Factors).await?;
        own::remove_factor(tx, id, factor).await?;
        users::raise_epoch(tx, id, now).await?;
        notify(tx, &user, Notification::FactorsReset).await?;
        Ok(Some((EventKind::FactorsReset, kind.as_str())))
    });
    removed.await.map(drop)
}
