//! One's own sessions.

use super::logout_notices::{self, Fate, everything_of};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::liveness::{ClientState, active_session};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed};
use crate::store::sessions::end::Ending;
use crate::store::{sessions, users};

use super::bearer::{Caller, invalid_token};
use super::write_limit::UserWrite;

/// Which sessions to end at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All but the caller's.
    Others,
    /// All.
    All,
}

/// A page of the caller's live sessions, newest first.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    caller: Caller,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<Listed>, Failure> {
    let mut reader = app.db.reader().await?;
    Ok(sessions::list::page(&mut reader, Some(caller.user.id), request, now).await?)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `not_found` when it is another user's or not live: the two are not told apart.
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
        let ended = tx.end_session(id, Ending::of(EndReason::EndedByUser)).await?;
        logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
        Ok(())
    })
    .await
}

/// Ends all of the caller's sessions, or all others: one write of the user's epoch.
///
/// # Errors
/// Refused when the caller's own session has ended meanwhile; too many writes.
pub async fn end_many(
    app: App,
    caller: Caller,
    which: Which,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let user = caller.user.id;
    UserWrite::new(&app).take(&caller.user)?;
    app.transaction(&info, async |tx| {
        let everything = everything_of(tx, user, Fate::Stays).await?.ok_or_else(invalid_token)?;
        let epoch = users::raise_epoch(tx, user, now).await?.ok_or_else(invalid_token)?;
        let mut kept = None;
        if which == Which::Others {
            // False: another request ended everything first; then this session is over too.
            let old = epoch - 1;
            if !sessions::carry_over(tx, caller.session.id, user, old, epoch).await? {
                return Err(invalid_token().into());
            }
            kept = Some(caller.session.id);
        }
        everything.ended(tx, kept).await?;
        let detail = if which == Which::Others { "others" } else { "all" };
        tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail(detail)).await?;
        Ok(())
    })
    .await
}
