//! One's own sessions.

use super::logout_notices;
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::liveness::{ClientState, active_session};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed};
use crate::store::sessions::EndedSession;
use crate::store::{sessions, users};

use super::bearer::{Caller, invalid_token};

/// Which sessions to end at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All but the caller's.
    Others,
    /// All.
    All,
}

/// The caller's live sessions, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, caller: Caller, now: Timestamp) -> Result<Vec<Listed>, Failure> {
    let mut reader = app.db.reader().await?;
    Ok(sessions::live_of(&mut reader, caller.user.id, now).await?)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `not_found` when it is not his or not live; somebody else's is not told apart from none.
pub async fn end_one(
    app: App,
    caller: Caller,
    id: SessionId,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let not_found = || Refusal::new(Code::NotFound, "There is no such session.");
    app.transaction(&info, async |tx| {
        let found = sessions::with_user(tx, id).await?;
        let (session, user) = found.ok_or_else(not_found)?;
        let active =
            active_session(&session, (&user).into(), ClientState::NotConsidered, now).is_ok();
        if session.user_id != caller.user.id || !active {
            return Err(not_found().into());
        }
        sessions::revoke(tx, id, EndReason::EndedByUser, now).await?;
        logout_notices::tell(&app, tx, &[EndedSession::of(&session)], now).await?;
        let event = Event::new(EventKind::SessionEnded)
            .about(caller.user.id)
            .in_session(id)
            .detail(EndReason::EndedByUser.as_str());
        tx.record(&event).await?;
        Ok(())
    })
    .await
}

/// Ends all of the caller's sessions, or all others: one write of the user's epoch.
///
/// # Errors
/// Refused when the caller's own session has ended meanwhile.
pub async fn end_many(
    app: App,
    caller: Caller,
    which: Which,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let user = caller.user.id;
    app.transaction(&info, async |tx| {
        let ended = logout_notices::everything_of(&app, tx, user, now).await?;
        let epoch = users::raise_epoch(tx, user, now).await?.ok_or_else(invalid_token)?;
        if which == Which::Others {
            // False means somebody else ended everything first; then this session is over too.
            let old = epoch - 1;
            if !sessions::carry_over(tx, caller.session.id, user, old, epoch).await? {
                return Err(invalid_token().into());
            }
        }
        logout_notices::tell(&app, tx, &ended, now).await?;
        let detail = if which == Which::Others { "others" } else { "all" };
        tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail(detail)).await?;
        Ok(())
    })
    .await
}
