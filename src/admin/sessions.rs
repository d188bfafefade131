//! Ending one session, and the sessions of weak sign-ins. `session_ends` ends selections.

use uuid::Uuid;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{BrowserId, SessionId};
use crate::domain::authn::AssuranceLevel;
use crate::domain::liveness::{ClientState, active_session};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::PageRequest;
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, SessionFilter};
use crate::domain::user::User;
use crate::identity::browser_login::end_browser;
use crate::identity::logout_notices;
use crate::identity::sessions::{self, LoggedIn};
use crate::store::sessions::end::Ending;
use crate::store::{self, browser_sessions, users};

use super::authorization::authorize_on_user;

/// Ends a session, or a sign-in at Signet's pages with its sessions.
///
/// # Errors
/// `not_found` when it does not exist or has ended.
pub async fn revoke(app: App, id: SessionId, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    let none = || Refusal::new(Code::NotFound, "There is no such active session.");
    app.transaction_or_nothing(&info, async |tx| {
        let ended = tx.end_session(id, Ending::of(EndReason::EndedByAdmin)).await?;
        let browser = BrowserId::from_uuid(id.uuid());
        let user = match &ended {
            Some(ended) => Some(ended.user_id),
            None => browser_sessions::live_user(tx, browser, now).await?,
        };
        // If this is refused, the transaction rolls back.
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

/// The user whose session or sign-in [`revoke`] would end.
///
/// # Errors
/// `not_found` when it does not exist or has ended.
pub async fn user_of_live(app: App, id: SessionId, now: Timestamp) -> Result<User, Failure> {
    let mut reader = app.db.reader().await?;
    if let Some((session, user)) = store::sessions::with_user(&mut reader, id).await?
        && active_session(&session, (&user).into(), ClientState::NotConsidered, now).is_ok()
    {
        return Ok(user);
    }
    let browser = BrowserId::from_uuid(id.uuid());
    let none = || Refusal::new(Code::NotFound, "There is no such active session.");
    let user = browser_sessions::live_user(&mut reader, browser, now).await?.ok_or_else(none)?;
    Ok(users::find(&mut reader, user).await?.ok_or_else(none)?)
}

/// The session or sign-in that [`revoke`] would end, with its user.
///
/// # Errors
/// `not_found` when it does not exist or has ended.
pub async fn live(app: App, id: SessionId, now: Timestamp) -> Result<(User, LoggedIn), Failure> {
    let user = user_of_live(app.clone(), id, now).await?;
    let filter = SessionFilter { user: Some(user.id), ..SessionFilter::default() };
    // A page starts below its cursor, so with the next id as the cursor the first entry is the session itself.
    let next = Uuid::from_u128(id.uuid().as_u128().saturating_add(1));
    let request = PageRequest { after: Some(next), limit: 1 };
    let page = sessions::list(app, &filter, request, now).await?;
    let found = page.data.into_iter().find(|row| row.id() == id.uuid());
    let none = || Refusal::new(Code::NotFound, "There is no such active session.");
    Ok((user, found.ok_or_else(none)?))
}

/// Ends, or only counts, the sessions and the sign-ins at Signet's pages with an assurance level below `level`.
///
/// It can be repeated after an interruption.
///
/// # Errors
/// Only faults.
pub async fn revoke_below(
    app: App,
    level: AssuranceLevel,
    dry_run: bool,
    info: RequestInfo,
) -> Result<u64, Failure> {
    let (mut after, mut ended) = (None, 0);
    loop {
        let request = PageRequest { after, limit: SESSIONS_AT_ONCE };
        let page =
            sessions::list(app.clone(), &SessionFilter::default(), request, info.now).await?;
        after = page.position();
        for row in page.data.iter().filter(|row| row.acr() < level) {
            if dry_run {
                ended += 1;
                continue;
            }
            match revoke(app.clone(), SessionId::from_uuid(row.id()), info.clone()).await {
                Ok(()) => ended += 1,
                // It ended in the meantime, for example with its sign-in.
                Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        if after.is_none() {
            return Ok(ended);
        }
    }
}

/// The sessions that are read at once.
const SESSIONS_AT_ONCE: i64 = 100;
