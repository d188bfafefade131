//! Ending or counting the sessions and sign-ins of a selection.
//!
//! All sessions of all users, or of a client, end with one row: a generation. All sessions of a user end with the
//! user's epoch. Other selections are found by a walk and end in batches. After an interruption, the same call ends
//! the rest.

use uuid::Uuid;

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{NoticeId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::BUILT_IN;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::pagination::PageRequest;
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, SessionFilter};
use crate::identity::browser_login::end_browser;
use crate::identity::logout_notices::{self, Fate, everything_of};
use crate::identity::sessions;
use crate::store::revocations::Revoked;
use crate::store::session_generations::{self, LogoutWalk};
use crate::store::sessions::end::Ending;
use crate::store::sessions::list::MAX_EXAMINED;
use crate::store::{authorization_codes, clients, device_codes, users};

use super::authorization::{authorize, authorize_on_user};
pub use super::session_selection::{Count, Selection};
pub use super::session_walk::Position;
use super::session_walk::{Found, Stage, Walk};

/// The parameters of one call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which sessions and sign-ins.
    pub which: Selection,
    /// Where an earlier call stopped.
    pub after: Option<Position>,
    /// The limit of its work.
    pub bound: Bound,
}

/// How much a call does before it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// No limit.
    None,
    /// The limit for an HTTP request.
    Request,
    /// The limit for a page that only shows the number.
    Page,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How many; `None` if everything ended with one row.
    pub count: Option<Count>,
    /// Where the next call continues; `None` at the end.
    pub next: Option<Position>,
}

/// The sessions per page of a list.
const ROWS: i64 = 500;
/// The users read, and the sessions ended, per transaction, so that no log-in waits for all of them.
const AT_ONCE: i64 = 100;
/// The most rows that a bounded call reads.
const MAX_ROWS: u64 = 50_000;
/// The most sessions that are counted for a page.
const MAX_SHOWN: u64 = 1_000;
/// The most sessions that a bounded call ends one by one.
const MAX_ENDED: u64 = 1_000;

impl Call {
    fn is_full(&self, count: Count, examined: u64) -> bool {
        let is_bounded = self.bound != Bound::None;
        is_bounded && (examined >= MAX_ROWS || count.sessions + count.sign_ins >= MAX_ENDED)
    }

    /// The most rows that are read to count sessions.
    const fn most_rows(&self) -> u64 {
        match self.bound {
            Bound::None => u64::MAX,
            Bound::Request => MAX_ROWS,
            Bound::Page => MAX_SHOWN,
        }
    }

    fn after(&self, stage: Stage) -> Option<Uuid> {
        self.after.filter(|position| position.stage == stage).map(|position| position.after)
    }

    fn walk<'a>(&self, app: &'a App, now: Timestamp) -> Walk<'a> {
        let before = if let Selection::Before(before) = self.which { Some(before) } else { None };
        let is_walk = |at: &Position| matches!(at.stage, Stage::SignIns | Stage::Sessions);
        Walk::new(app, before, self.after.filter(is_walk), now)
    }
}

/// Counts what a selection names.
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
                // A page that is not full still cost the maximum number of rows.
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
            let mut users = UserWalk::new(&call);
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

/// Ends what a selection names.
///
/// # Errors
/// `not_found` when the user or the client does not exist.
pub async fn end(app: App, call: Call, info: RequestInfo) -> Result<Outcome, Failure> {
    match &call.which {
        Selection::Everyone => end_all(app, info).await?,
        Selection::User(user) => end_all_of_user(app, *user, info).await?,
        Selection::Client(client_id) => end_all_of_client(app, client_id, info).await?,
        Selection::Before(_) => return end_before(app, call, info).await,
        Selection::Role(_) | Selection::Group(_) => return end_of_users(app, call, info).await,
    }
    Ok(Outcome { count: None, next: None })
}

/// Ends everything a user has.
///
/// # Errors
/// `not_found` when there is no such user.
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

/// Refuses a caller who may not end the sessions of users with every role. Checked first, because the caller's own
/// session ends as well.
async fn require_any_user(tx: &mut AuditedTx) -> Result<(), Failure> {
    authorize(tx, Action::EndSessions, &[TargetKind::ANY_USER]).await
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

async fn end_before(app: App, call: Call, info: RequestInfo) -> Result<Outcome, Failure> {
    let mut count = Count::default();
    if let (Selection::Before(before), None) = (&call.which, call.after) {
        app.transaction(&info, async |tx| {
            require_any_user(tx).await?;
            // Approvals that have not become sessions yet.
            authorization_codes::void_issued_before(tx, *before, info.now).await?;
            device_codes::void_issued_before(tx, *before).await?;
            Ok(())
        })
        .await?;
    }
    let mut walk = call.walk(&app, info.now);
    loop {
        let place = walk.place();
        if call.is_full(count, walk.examined) {
            return Ok(Outcome { count: Some(count), next: place });
        }
        let Some(found) = walk.next().await? else {
            return Ok(Outcome { count: Some(count), next: None });
        };
        for batch in found.chunks(AT_ONCE.unsigned_abs() as usize) {
            let ended = app.transaction(&info, async |tx| end_batch(tx, batch).await).await?;
            count.sum(ended);
        }
    }
}

async fn end_batch(tx: &mut AuditedTx, batch: &[Found]) -> Result<Count, Failure> {
    require_any_user(tx).await?;
    let (app, now) = (tx.app(), tx.info().now);
    let mut count = Count::default();
    for found in batch {
        match found {
            // A session that has ended meanwhile, perhaps with its sign-in, does not count.
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

async fn end_of_users(app: App, call: Call, info: RequestInfo) -> Result<Outcome, Failure> {
    let (mut count, mut users) = (Count::default(), UserWalk::new(&call));
    while let Some(found) = users.next(&app, &call, info.now).await? {
        app.transaction_or_nothing(&info, async |tx| {
            // In the order of their ids, as every process does.
            for (user, _) in &found {
                end_everything(tx, *user).await?;
            }
            Ok(())
        })
        .await?;
        found.iter().for_each(|(_, of_user)| count.sum(*of_user));
        if call.is_full(count, users.examined) {
            break;
        }
    }
    Ok(Outcome { count: Some(count), next: users.place() })
}

/// A walk through the users of a selection that are logged in.
struct UserWalk {
    after: Option<Uuid>,
    is_over: bool,
    examined: u64,
}

impl UserWalk {
    fn new(call: &Call) -> Self {
        Self { after: call.after(Stage::Users), is_over: false, examined: 0 }
    }

    fn place(&self) -> Option<Position> {
        let after = self.after.filter(|_| !self.is_over)?;
        Some(Position { stage: Stage::Users, after })
    }

    /// The logged-in users among the next ones, with the counts of each; `None` at the end.
    async fn next(
        &mut self,
        app: &App,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Vec<(UserId, Count)>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let request = PageRequest { after: self.after, limit: AT_ONCE };
        let page = users::page(&mut app.db.reader().await?, request).await?;
        self.examined += page.data.len() as u64;
        self.is_over = page.next.is_none();
        self.after = page.data.last().map(|user| user.id.uuid());
        let mut logged_in = Vec::new();
        for user in page.data.iter().filter(|user| call.which.includes(user)) {
            let mut of_user = Count::default();
            count_of_user(app, user.id, now, &mut of_user).await?;
            if of_user != Count::default() {
                logged_in.push((user.id, of_user));
            }
        }
        Ok(Some(logged_in))
    }
}

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

async fn count_of_user(
    app: &App,
    user: UserId,
    now: Timestamp,
    count: &mut Count,
) -> Result<(), Failure> {
    let (filter, mut after) = (SessionFilter::of_user(user), None);
    loop {
        let request = PageRequest { after, limit: ROWS };
        let page = sessions::list(app.clone(), &filter, request, now).await?;
        count.add(&page.data);
        after = page.position();
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn require_client(app: &App, client_id: &str) -> Result<(), Failure> {
    let is_known = client_id == BUILT_IN
        || clients::find(&mut app.db.reader().await?, client_id).await?.is_some();
    if is_known { Ok(()) } else { Err(not_found("client").into()) }
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(Code::NotFound, "").with_message(format!("There is no such {what}."))
}
