//! Looking at and ending anybody's sessions.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed};
use crate::identity::logout_notices::{self, Fate, everything_of};
use crate::store::sessions::end::Ending;
use crate::store::{sessions, users};

/// A page of live sessions, newest first; of one user if named.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    user: Option<UserId>,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<Listed>, Failure> {
    Ok(sessions::list::page(&mut app.db.reader().await?, user, request, now).await?)
}

/// Ends a session.
///
/// # Errors
/// `not_found` when there is none or it is over.
pub async fn revoke(app: App, id: SessionId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    app.transaction(&info, async |tx| {
        let ended = tx.end_session(id, Ending::of(EndReason::EndedByAdmin)).await?;
        if ended.is_none() {
            return Err(Refusal::new(Code::NotFound, "There is no such live session.").into());
        }
        logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
        Ok(())
    })
    .await
}

/// Ends everything a user has.
///
/// # Errors
/// `not_found` when there is no such user.
pub async fn revoke_all(app: App, user: UserId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    app.transaction(&info, async |tx| {
        let not_found = || Refusal::new(Code::NotFound, "There is no such user.");
        let everything = everything_of(tx, user, Fate::Stays).await?.ok_or_else(not_found)?;
        users::raise_epoch(tx, user, now).await?.ok_or_else(not_found)?;
        everything.ended(tx, None).await?;
        tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail("by_admin")).await?;
        Ok(())
    })
    .await
}
