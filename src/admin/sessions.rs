//! Ending the sessions of all users. `identity::sessions` lists them.

use crate::app::{App, AuditedTx};
use crate::base::id::{BrowserId, SessionId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::PageRequest;
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::identity::browser_login::end_browser;
use crate::identity::logout_notices::{self, Fate, everything_of};
use crate::identity::sessions::{self, LoggedIn};
use crate::store::sessions::end::Ending;
use crate::store::{browser_sessions, users};

use super::authorization::authorize_on_user;

/// Ends a session, or a sign-in at Signet's pages with what belongs to it.
///
/// # Errors
/// `not_found` when there is none or it is over.
pub async fn revoke(app: App, id: SessionId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    let none = || Refusal::new(Code::NotFound, "There is no such live session.");
    app.transaction_or_nothing(&info, async |tx| {
        let ended = tx.end_session(id, Ending::of(EndReason::EndedByAdmin)).await?;
        let browser = BrowserId::from_uuid(id.uuid());
        let user = match &ended {
            Some(ended) => Some(ended.user_id),
            None => browser_sessions::live_user(tx, browser, now).await?,
        };
        // A refusal takes the ending back.
        let user = users::find(&mut **tx, user.ok_or_else(none)?).await?.ok_or_else(none)?;
        authorize_on_user(tx, Action::EndSessions, &user).await?;
        if ended.is_none() && !end_browser(tx, browser).await? {
            return Err(none().into());
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

/// Ends the sessions and the sign-ins at Signet's pages that rest on less than `level`. How many there were.
///
/// Interrupted, it has ended a part, and may be run again.
///
/// # Errors
/// Only faults.
pub async fn revoke_below(
    app: App,
    level: AssuranceLevel,
    info: RequestInfo,
) -> Result<u64, Failure> {
    let (mut after, mut ended) = (None, 0);
    loop {
        let request = PageRequest { after, limit: SESSIONS_AT_ONCE };
        let page = sessions::list(app.clone(), None, request, info.now).await?;
        let last = page.data.last().map(LoggedIn::id);
        for row in page.data.iter().filter(|row| row.acr() < level) {
            match revoke(app.clone(), SessionId::from_uuid(row.id()), info.clone()).await {
                Ok(()) => ended += 1,
                // It has ended meanwhile, perhaps with the sign-in that it belongs to.
                Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        match (page.next, last) {
            (Some(_), Some(last)) => after = Some(last),
            _ => return Ok(ended),
        }
    }
}

/// The sessions that are read at once.
const SESSIONS_AT_ONCE: i64 = 100;

/// False when there is no such user.
async fn end_everything(tx: &mut AuditedTx, user: UserId) -> Result<bool, Failure> {
    let now = tx.info().now;
    let Some(everything) = everything_of(tx, user, Fate::Stays).await? else { return Ok(false) };
    let Some(found) = users::find(&mut **tx, user).await? else { return Ok(false) };
    authorize_on_user(tx, Action::EndSessions, &found).await?;
    if users::raise_epoch(tx, user, now).await?.is_none() {
        return Ok(false);
    }
    everything.ended(tx, None).await?;
    tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail("by_admin")).await?;
    Ok(true)
}
