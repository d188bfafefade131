//! Ending or counting the sessions and sign-ins of a selection.
//!
//! All sessions of all users, or of a client, end with the write of one row: a generation. All sessions of a user
//! end with the user's session epoch. The sessions of other selections are found by a walk and end in batches.
//! After an interruption, the same call ends the rest.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{NoticeId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::BUILT_IN;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::pagination::PageRequest;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::SessionFilter;
use crate::identity::sessions;
use crate::store::revocations::Revoked;
use crate::store::session_generations::{self, LogoutWalk};
use crate::store::sessions::list::MAX_EXAMINED;
use crate::store::{clients, users};

use super::batched_session_ends::{self as batched, end_everything, require_any_user};
pub use super::session_selection::{Bound, Call, Count, Outcome, Selection};
pub use super::session_walk::Position;
use super::session_walk::{Found, Stage};
use super::user_walk::{UserWalk, count_of_user};

/// The sessions per page of a list.
const ROWS: i64 = 500;

/// Counts the sessions of a selection.
///
/// # Errors
/// `not_found` when the user or the client does not exist.
pub async fn count(app: App, call: Call, now: Timestamp) -> Result<Outcome, Failure> {
    let mut count = Count::default();
    match &call.which {
        Selection::User(user) => {
            let found = users::find(&mut app.db.reader().await?, *user).await?;
            found.ok_or_else(|| not_found("user"))?;
            count_of_user(&app, *user, now, &mut count).await?;
            Ok(Outcome { count: Some(count), next: None })
        }
        Selection::Client(client_id) => {
            require_client(&app, client_id).await?;
            let filter = SessionFilter { client_id: Some(client_id.clone()), ..Default::default() };
            let (mut after, mut examined) = (call.after(Stage::OfClient), 0);
            loop {
                let request = PageRequest { after, limit: ROWS };
                let page = sessions::list(app.clone(), &filter, request, now).await?;
                count.add(&page.data);
                // A page that is not full has still read the maximum number of rows.
                let is_full = page.data.len() as u64 == ROWS.unsigned_abs();
                examined += if is_full { ROWS } else { MAX_EXAMINED }.unsigned_abs();
                let Some(last) = page.position() else {
                    return Ok(Outcome { count: Some(count), next: None });
                };
                after = Some(last);
                if examined >= call.most_rows() {
                    let next = Position { stage: Stage::OfClient, after: last };
                    return Ok(Outcome { count: Some(count), next: Some(next) });
                }
            }
        }
        Selection::Everyone | Selection::Before(_) => {
            let mut walk = call.walk(&app, now);
            while let Some(found) = walk.next().await? {
                for one in found {
                    match one {
                        Found::Session(_) => count.sessions += 1,
                        Found::SignIn(_) => count.sign_ins += 1,
                    }
                }
                if walk.examined >= call.most_rows() {
                    break;
                }
            }
            Ok(Outcome { count: Some(count), next: walk.place() })
        }
        Selection::Role(_) | Selection::Group(_) => {
            let mut users = UserWalk::new(&call, None);
            while let Some(found) = users.next(&app, &call, now).await? {
                found.iter().for_each(|(_, of_user)| count.sum(*of_user));
                if call.is_full(count, users.examined) {
                    break;
                }
            }
            Ok(Outcome { count: Some(count), next: users.place() })
        }
    }
}

/// Ends the sessions of a selection.
///
/// # Errors
/// `not_found` when the user or the client does not exist.
pub async fn end(app: App, call: Call, info: RequestInfo) -> Result<Outcome, Failure> {
    match &call.which {
        Selection::Everyone => end_all(app, info).await?,
        Selection::User(user) => end_all_of_user(app, *user, info).await?,
        Selection::Client(client_id) => end_all_of_client(app, client_id, info).await?,
        Selection::Before(before) => {
            let before = *before;
            return batched::end_before(app, call, before, info).await;
        }
        Selection::Role(_) | Selection::Group(_) => {
            return batched::end_of_users(app, call, info).await;
        }
    }
    Ok(Outcome { count: None, next: None })
}

/// Ends all sessions of a user.
///
/// # Errors
/// `not_found` when the user does not exist.
pub async fn end_all_of_user(app: App, user: UserId, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        if end_everything(tx, user).await? { Ok(()) } else { Err(not_found("user").into()) }
    })
    .await
}

async fn end_all(app: App, info: RequestInfo) -> Result<(), Failure> {
    app.transaction(&info, async |tx| {
        require_any_user(tx).await?;
        let generation = session_generations::end_all(tx).await?;
        tx.cut(Revoked::Everything).await?;
        tell_later(tx, None, generation).await?;
        tx.record(&Event::new(EventKind::SessionsEnded).detail("all_by_admin")).await?;
        Ok(())
    })
    .await
}

async fn end_all_of_client(app: App, client_id: &str, info: RequestInfo) -> Result<(), Failure> {
    require_client(&app, client_id).await?;
    app.transaction(&info, async |tx| {
        require_any_user(tx).await?;
        let now = tx.info().now;
        let generation = session_generations::end_all_of_client(tx, client_id, now).await?;
        tx.cut(Revoked::Client(client_id)).await?;
        tell_later(tx, Some(client_id), generation).await?;
        let event = Event::new(EventKind::SessionsEnded).detail("client_by_admin");
        tx.record(&event.for_client(client_id)).await?;
        Ok(())
    })
    .await
}

/// Records that the clients of the sessions that a generation ended must be notified, if any has registered for it.
async fn tell_later(
    tx: &mut AuditedTx,
    client_id: Option<&str>,
    generation: i64,
) -> Result<(), Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    if app.any_client_to_tell() {
        let id = NoticeId::new(now, &*app.entropy);
        let client_id = client_id.map(str::to_owned);
        let walk = LogoutWalk { id, client_id, generation, after: None, ended_at: now };
        session_generations::insert_walk(tx, &walk).await?;
    }
    Ok(())
}

async fn require_client(app: &App, client_id: &str) -> Result<(), Failure> {
    let is_known = client_id == BUILT_IN
        || clients::find(&mut app.db.reader().await?, client_id).await?.is_some();
    if is_known { Ok(()) } else { Err(not_found("client").into()) }
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(Code::NotFound, "").with_message(format!("There is no such {what}."))
}
