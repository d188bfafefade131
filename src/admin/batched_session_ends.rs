//! Ends the sessions and sign-ins of a selection in batches, one transaction each.
//!
//! Owns that the caller's own session ends last. Every batch checks the caller's right again, and a bounded call is
//! followed by another one with the same token, which would be refused if the caller's session had ended.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::Failure;
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::identity::browser_login::end_browser;
use crate::identity::logout_notices::{self, Fate, everything_of};
use crate::store::sessions::end::Ending;
use crate::store::{authorization_codes, device_codes, users};

use super::authorization::{authorize, authorize_on_user};
use super::session_selection::{Call, Count, Outcome};
use super::session_walk::{self, Found};
use super::user_walk::{UserWalk, count_of_user};

/// The sessions that end in one transaction, so that log-ins wait only for a batch.
const AT_ONCE: usize = 100;

/// Ends sessions and sign-ins that began before a time.
///
/// # Errors
/// As [`authorize`].
pub(super) async fn end_before(
    app: App,
    call: Call,
    before: Timestamp,
    info: RequestInfo,
) -> Result<Outcome, Failure> {
    let mut count = Count::default();
    if call.after.is_none() {
        app.transaction(&info, async |tx| {
            require_any_user(tx).await?;
            // Authorization codes that have not been redeemed.
            authorization_codes::void_issued_before(tx, before, info.now).await?;
            device_codes::void_issued_before(tx, before).await?;
            Ok(())
        })
        .await?;
    }
    let caller = info.origin.actor;
    let mut walk = call.walk(&app, info.now).except(caller);
    while let Some(found) = walk.next().await? {
        count.sum(end_found(&app, &found, &info).await?);
        if let (Some(next), true) = (walk.place(), call.is_full(count, walk.examined)) {
            return Ok(Outcome { count: Some(count), next: Some(next) });
        }
    }
    if let Some(caller) = caller {
        let found = session_walk::of_user(&app, caller, before, info.now).await?;
        count.sum(end_found(&app, &found, &info).await?);
    }
    Ok(Outcome { count: Some(count), next: None })
}

async fn end_found(app: &App, found: &[Found], info: &RequestInfo) -> Result<Count, Failure> {
    let mut count = Count::default();
    for batch in found.chunks(AT_ONCE) {
        count.sum(app.transaction(info, async |tx| end_batch(tx, batch).await).await?);
    }
    Ok(count)
}

async fn end_batch(tx: &mut AuditedTx, batch: &[Found]) -> Result<Count, Failure> {
    require_any_user(tx).await?;
    let (app, now) = (tx.app(), tx.info().now);
    let mut count = Count::default();
    for found in batch {
        match found {
            // It may have ended in the meantime, for example with its sign-in. Then it is not counted.
            Found::Session(id) => {
                let ended = tx.end_session(*id, Ending::of(EndReason::EndedByAdmin)).await?;
                logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
                count.sessions += u64::from(ended.is_some());
            }
            Found::SignIn(id) => count.sign_ins += u64::from(end_browser(tx, *id).await?),
        }
    }
    Ok(count)
}

/// Ends all sessions of the users who have the selected role or group.
///
/// # Errors
/// As [`authorize`].
pub(super) async fn end_of_users(
    app: App,
    call: Call,
    info: RequestInfo,
) -> Result<Outcome, Failure> {
    let caller = selected_caller(&app, &call, &info).await?;
    let mut count = Count::default();
    let mut walk = UserWalk::new(&call, caller.as_ref().map(|caller| caller.id));
    while let Some(found) = walk.next(&app, &call, info.now).await? {
        app.transaction_or_nothing(&info, async |tx| {
            // Checked before the first session ends, like for the other users of the batch.
            if let Some(caller) = &caller {
                authorize_on_user(tx, Action::EndSessions, caller).await?;
            }
            // In the order of ids, so that concurrent transactions cannot deadlock.
            for (user, _) in &found {
                end_everything(tx, *user).await?;
            }
            Ok(())
        })
        .await?;
        found.iter().for_each(|(_, of_user)| count.sum(*of_user));
        if let (Some(next), true) = (walk.place(), call.is_full(count, walk.examined)) {
            return Ok(Outcome { count: Some(count), next: Some(next) });
        }
    }
    if let Some(caller) = caller {
        let mut own = Count::default();
        count_of_user(&app, caller.id, info.now, &mut own).await?;
        app.transaction_or_nothing(&info, async |tx| end_everything(tx, caller.id).await).await?;
        count.sum(own);
    }
    Ok(Outcome { count: Some(count), next: None })
}

/// The calling user, if their own sessions are selected.
async fn selected_caller(
    app: &App,
    call: &Call,
    info: &RequestInfo,
) -> Result<Option<User>, Failure> {
    let Some(caller) = info.origin.actor else { return Ok(None) };
    let found = users::find(&mut app.db.reader().await?, caller).await?;
    Ok(found.filter(|user| call.which.includes(user)))
}

/// Refuses a caller who may not end the sessions of users of every role. Checked before any session ends, in
/// particular the caller's own.
pub(super) async fn require_any_user(tx: &mut AuditedTx) -> Result<(), Failure> {
    authorize(tx, Action::EndSessions, &[TargetKind::ANY_USER]).await
}

/// Ends all sessions of a user; `false` if the user does not exist.
///
/// # Errors
/// As [`authorize`].
pub(super) async fn end_everything(tx: &mut AuditedTx, user: UserId) -> Result<bool, Failure> {
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
