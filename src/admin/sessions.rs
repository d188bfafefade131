//! Looking at and ending anybody's sessions.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::session::{EndReason, Listed};
use crate::identity::logout_notices;
use crate::store::sessions::EndedSession;
use crate::store::{audit, commit_unless_failed, sessions, users};

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
pub async fn revoke(
    app: App,
    id: SessionId,
    origin: Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let Some(user) = sessions::revoke(&mut tx, id, EndReason::EndedByAdmin, now).await? else {
            return Err(Refusal::new(Code::NotFound, "There is no such live session.").into());
        };
        if let Some((session, _)) = sessions::with_user(&mut tx, id).await? {
            logout_notices::tell(&app, &mut tx, &[EndedSession::of(&session)], now).await?;
        }
        let event = Event::new(EventKind::SessionEnded)
            .about(user)
            .in_session(id)
            .detail(EndReason::EndedByAdmin.as_str());
        audit::record(&mut tx, &event, &origin, now, &*app.entropy).await?;
        Ok(())
    }
    .await;
    commit_unless_failed(tx, outcome).await
}

/// Ends everything a user has.
///
/// # Errors
/// `not_found` when there is no such user.
pub async fn revoke_all(
    app: App,
    user: UserId,
    origin: Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let ended = logout_notices::everything_of(&app, &mut tx, user, now).await?;
        if users::raise_epoch(&mut tx, user, now).await?.is_none() {
            return Err(Refusal::new(Code::NotFound, "There is no such user.").into());
        }
        logout_notices::tell(&app, &mut tx, &ended, now).await?;
        let event = Event::new(EventKind::SessionsEnded).about(user).detail("by_admin");
        audit::record(&mut tx, &event, &origin, now, &*app.entropy).await?;
        Ok(())
    }
    .await;
    commit_unless_failed(tx, outcome).await
}
