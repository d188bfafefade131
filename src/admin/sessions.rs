//! Listing and ending the sessions of all users.

use uuid::Uuid;

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{BrowserId, SessionId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed};
use crate::domain::user_agent::Device;
use crate::identity::browser_login::end_browser;
use crate::identity::logout_notices::{self, Fate, everything_of};
use crate::store::sessions::end::Ending;
use crate::store::{browser_sessions, sessions, users};

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

/// Something that a user is logged in by.
#[derive(Debug, Clone)]
pub enum LoggedIn {
    /// A session of a client.
    Client(Box<Listed>),
    /// A sign-in at Signet's pages, and its device.
    Browser(BrowserSession, Device),
}

impl LoggedIn {
    fn id(&self) -> Uuid {
        match self {
            Self::Client(listed) => listed.session.id.uuid(),
            Self::Browser(browser, _) => browser.id.uuid(),
        }
    }
}

/// A page of live sessions and of sign-ins at Signet's pages, newest first; of one user if named.
///
/// # Errors
/// Only faults.
pub async fn list_with_browsers(
    app: App,
    user: Option<UserId>,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<LoggedIn>, Failure> {
    let mut reader = app.db.reader().await?;
    let all = PageRequest { limit: request.limit + 1, ..request };
    let sessions = sessions::list::page(&mut reader, user, all, now).await?.data;
    let browsers = browser_sessions::page(&mut reader, user, all, now).await?.data;
    let browsers = browsers.into_iter().map(|(browser, device)| LoggedIn::Browser(browser, device));
    let sessions = sessions.into_iter().map(|listed| LoggedIn::Client(Box::new(listed)));
    let mut rows: Vec<LoggedIn> = sessions.chain(browsers).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.id()));
    Ok(Page::cut(rows, request.limit, LoggedIn::id))
}

/// Ends a session, or a sign-in at Signet's pages with what belongs to it.
///
/// # Errors
/// `not_found` when there is none or it is over.
pub async fn revoke(app: App, id: SessionId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    app.transaction(&info, async |tx| {
        let ended = tx.end_session(id, Ending::of(EndReason::EndedByAdmin)).await?;
        if ended.is_none() && !end_browser(tx, BrowserId::from_uuid(id.uuid())).await? {
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
    app.transaction(&info, async |tx| {
        if end_everything(tx, user).await? {
            return Ok(());
        }
        Err(Refusal::new(Code::NotFound, "There is no such user.").into())
    })
    .await
}

/// The users whose sessions end in one transaction, so that no log-in waits for all of them.
const USERS_AT_ONCE: i64 = 100;

/// Ends everything that every user has. How many users there were.
///
/// Interrupted, it has ended a part, and may be run again.
///
/// # Errors
/// Only faults.
pub async fn revoke_all_of_everyone(app: App, info: RequestInfo) -> Result<u64, Failure> {
    let (mut after, mut ended) = (None, 0);
    loop {
        let request = PageRequest { after, limit: USERS_AT_ONCE };
        let page = users::page(&mut app.db.reader().await?, request).await?;
        let ids: Vec<UserId> = page.data.iter().map(|user| user.id).collect();
        app.transaction(&info, async |tx| {
            // In the order of their ids, as every process does.
            for user in &ids {
                end_everything(tx, *user).await?;
            }
            Ok(())
        })
        .await?;
        ended += u64::try_from(ids.len()).unwrap_or(u64::MAX);
        match (page.next, ids.last()) {
            (Some(_), Some(last)) => after = Some(last.uuid()),
            _ => return Ok(ended),
        }
    }
}

/// False when there is no such user.
async fn end_everything(tx: &mut AuditedTx, user: UserId) -> Result<bool, Failure> {
    let now = tx.info().now;
    let Some(everything) = everything_of(tx, user, Fate::Stays).await? else { return Ok(false) };
    if users::raise_epoch(tx, user, now).await?.is_none() {
        return Ok(false);
    }
    everything.ended(tx, None).await?;
    tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail("by_admin")).await?;
    Ok(true)
}
