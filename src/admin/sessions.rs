//! Looking at and ending anybody's sessions.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed};
use crate::identity::logout_notices;
use crate::store::sessions::EndedSession;
use crate::store::{sessions, users};

/// A page of live sessions, oldest first; of one user if named.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    user: Option<UserId>,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<Listed>, Failure> {
    Ok(sessions::page(&mut app.db.reader().await?, user, request, now).await?)
}

/// Ends a session.
///
/// # Errors
/// `not_found` when there is none or it is over.
pub async fn revoke(app: App, id: SessionId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    app.transaction(&info, async |tx| {
        let Some(user) = sessions::revoke(tx, id, EndReason::EndedByAdmin, now).await? else {
            return Err(Refusal::new(Code::NotFound, "There is no such live session.").into());
        };
        if let Some((session, _)) = sessions::with_user(tx, id).await? {
            logout_notices::tell(&app, tx, &[EndedSession::of(&session)], now).await?;
        }
        let event = Event::new(EventKind::SessionEnded)
            .about(user)
            .in_session(id)
            .detail(EndReason::EndedByAdmin.as_str());
        tx.record(&event).await?;
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
        let ended = logout_notices::everything_of(&app, tx, user, now).await?;
        if users::raise_epoch(tx, user, now).await?.is_none() {
            return Err(Refusal::new(Code::NotFound, "There is no such user.").into());
        }
        logout_notices::tell(&app, tx, &ended, now).await?;
        tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail("by_admin")).await?;
        Ok(())
    })
    .await
}
