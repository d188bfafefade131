//! Listing sessions, and ending the caller's own.

use uuid::Uuid;

use super::logout_notices::{self, Fate, everything_of};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{BrowserId, SessionId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::AssuranceLevel;
use crate::domain::browser_session::BrowserSession;
use crate::domain::liveness::{ClientState, active_session};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed, SessionFilter};
use crate::domain::user_agent::Device;
use crate::store::sessions::end::Ending;
use crate::store::{browser_sessions, sessions, users};

use super::bearer::{Caller, invalid_token};
use super::browser_login::end_browser;
use super::write_limit::UserWrite;

/// A session, or a sign-in at the pages.
#[derive(Debug, Clone)]
pub enum LoggedIn {
    /// A session of a client.
    Client(Box<Listed>),
    /// A sign-in at Signet's pages, and its device.
    Browser(BrowserSession, Device),
}

impl LoggedIn {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Client(listed) => listed.session.id.uuid(),
            Self::Browser(browser, _) => browser.id.uuid(),
        }
    }

    /// The assurance level of its authentication.
    #[must_use]
    pub fn acr(&self) -> AssuranceLevel {
        match self {
            Self::Client(listed) => listed.session.factors().acr(),
            Self::Browser(browser, _) => browser.authentication().factors().acr(),
        }
    }
}

/// The sessions to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All but the caller's.
    Others,
    /// All.
    All,
}

/// A page of live sessions and of sign-ins at Signet's pages that `filter` names, newest first. It may have fewer
/// than requested, or none, and still have a cursor.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    filter: &SessionFilter,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<LoggedIn>, Failure> {
    let mut reader = app.db.reader().await?;
    let all = PageRequest { limit: request.limit + 1, ..request };
    let sessions = sessions::list::page(&mut reader, filter, all, now).await?;
    let mut until = sessions.position();
    let mut rows: Vec<LoggedIn> =
        sessions.data.into_iter().map(|listed| LoggedIn::Client(Box::new(listed))).collect();
    if filter.client_id.is_none() {
        let browsers = browser_sessions::list::page(&mut reader, filter, all, now).await?;
        until = until.max(browsers.position());
        rows.extend(browsers.data.into_iter().map(|(row, device)| LoggedIn::Browser(row, device)));
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.id()));
    Ok(Page::cut_at(rows, request.limit, until, LoggedIn::id))
}

/// Ends one of the caller's sessions, or a sign-in at Signet's pages with the sessions that belong to it.
///
/// # Errors
/// `not_found` when it is another user's or not live, without distinction.
pub async fn end_one(
    app: App,
    caller: Caller,
    id: SessionId,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let not_found = || Refusal::new(Code::NotFound, "There is no such session.");
    app.transaction(&info, async |tx| {
        let Some((session, user)) = sessions::with_user(tx, id).await? else {
            let browser = BrowserId::from_uuid(id.uuid());
            let owner = browser_sessions::live_user(tx, browser, now).await?;
            if owner == Some(caller.user.id) && end_browser(tx, browser).await? {
                return Ok(());
            }
            return Err(not_found().into());
        };
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
            // `false`: another request ended all sessions first, including this one.
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
