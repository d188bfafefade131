//! Back-channel logout: notifies clients that a session has ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Delivers the outbox that `identity::logout_notices` fills: a slow client delays only itself, and a
//! crash loses no notice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::app::App;
use crate::base::entropy::random;
use crate::base::id::SessionId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::claims::{LogoutClaims, TokenType};
use crate::domain::client::Client;
use crate::domain::outcome::Fault;
use crate::domain::trace::Trace;
use crate::http_client::Places;
use crate::identity::logout_notices::{BATCH as CLIENTS, tell};
use crate::store::logout_notices::{self, Notice};
use crate::store::sessions::end::{self, EpochPage};
use crate::store::{audit, logout_fanouts};

use super::logout_walks;

/// The most concurrent notices to one client.
const BATCH: u32 = 4;
/// The most further clients per run.
const MAX_QUEUES: usize = 256;
/// How long a client that did not accept a notice gets no further ones.
const REST: TimeSpan = TimeSpan::from_secs(30);
/// The most attempts per notice: with the pauses below, about a day.
const MAX_TRIES: i64 = 9;
/// How long a process may hold a notice before another may take it.
const TURN: TimeSpan = TimeSpan::from_secs(60);
/// The lifetime of a logout token (Back-Channel Logout §2.4 recommends a short one).
const LIFE: TimeSpan = TimeSpan::from_mins(2);
/// The event of a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The queues of this process: the clients that are being notified, and those that rest after a failure (a circuit
/// breaker). Bounded by the number of clients.
#[derive(Clone, Default)]
pub struct Queues(Arc<Mutex<HashMap<String, Queue>>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Running,
    /// Until this time of the monotonic clock, so that a change of the wall clock does not prolong the rest.
    Resting {
        until: TimeSpan,
    },
}

impl Queues {
    /// Claims a client's queue. False while it runs or rests.
    fn claim(&self, client_id: &str, now: TimeSpan) -> bool {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| match queue {
            Queue::Running => true,
            Queue::Resting { until } => now < *until,
        });
        if queues.contains_key(client_id) {
            return false;
        }
        queues.insert(client_id.to_owned(), Queue::Running);
        true
    }

    /// The number of clients that run or rest.
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Releases it, or lets it rest until `until` if the client did not answer.
    fn give_back(&self, client_id: &str, until: Option<TimeSpan>) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => drop(queues.insert(client_id.to_owned(), Queue::Resting { until })),
            None => drop(queues.remove(client_id)),
        }
    }
}

/// Starts a task for each client with notices that are due, so that a client that does not answer delays only
/// itself. Returns the tasks.
///
/// # Errors
/// When the database cannot be read or written. Taken notices are retried later.
pub async fn begin(app: &App, queues: &Queues) -> Result<Vec<JoinHandle<()>>, Fault> {
    while write_next(app, app.now()).await? {}
    while logout_walks::write_next(app, app.now()).await? {}
    let now = app.now();
    if logout_notices::any_ahead(&mut app.db.reader().await?, now).await? {
        let mut tx = app.db.begin().await?;
        logout_notices::make_due(&mut tx, now, CLIENTS).await?;
        tx.commit().await?;
    }
    // Clients that run or rest may have waited longest, and must not use up the limit for others.
    let limit = i64::try_from(MAX_QUEUES + queues.len()).unwrap_or(i64::MAX);
    let due = logout_notices::clients_due(&mut app.db.reader().await?, now, limit).await?;
    let counted = app.clock.counted();
    let claimed =
        due.into_iter().filter(|client_id| queues.claim(client_id, counted)).take(MAX_QUEUES);
    Ok(claimed.map(|client_id| tokio::spawn(run(app.clone(), queues.clone(), client_id))).collect())
}

/// Delivers the notices that are due, and returns when all clients are done.
///
/// # Errors
/// When the database cannot be read or written.
#[cfg(feature = "test-support")]
pub async fn deliver(app: &App) -> Result<(), Fault> {
    for queue in begin(app, &Queues::default()).await? {
        drop(queue.await);
    }
    Ok(())
}

/// Delivers the notices of one client until none is due, or until it does not answer.
async fn run(app: App, queues: Queues, client_id: String) {
    let mut rest = None;
    loop {
        match deliver_some(&app, &client_id).await {
            Ok(Some(true)) => {}
            Ok(None) => break,
            Ok(Some(false)) => {
                rest = Some(app.clock.counted() + REST);
                break;
            }
            Err(fault) => {
                tracing::warn!(%fault, client_id, "a logout notice to a client failed; it will be retried");
                rest = Some(app.clock.counted() + REST);
                break;
            }
        }
    }
    queues.give_back(&client_id, rest);
}

/// Delivers the next notices of a client. `None` when none is due; otherwise whether the client accepted any.
async fn deliver_some(app: &App, client_id: &str) -> Result<Option<bool>, Fault> {
    // First the permit to send, so that another process may take the notices meanwhile.
    let closed = |_| Fault::internal("the HTTP client is closed");
    let mut places = app.http_client.places(BATCH).await.map_err(closed)?;
    let now = app.now();
    let mut tx = app.db.begin().await?;
    let limit = i64::from(places.count());
    let turn = logout_notices::Turn { client_id, now, again: now + TURN, limit };
    let taken = logout_notices::take(&mut tx, turn).await?;
    tx.commit().await?;
    if taken.is_empty() {
        return Ok(None);
    }
    places.keep(taken.len());
    let places = &places;
    let mut under_way: FuturesUnordered<_> = taken
        .iter()
        .map(|notice| async move {
            // A new trace, because a retry happens long after the request that ended the session.
            let trace = Trace::begun(random(&*app.entropy));
            let delivered = post(app, places, notice, now, trace).await;
            (notice, Delivery { trace, delivered })
        })
        .collect();
    let mut took_any = false;
    while let Some((notice, delivery)) = under_way.next().await {
        took_any |= delivery.delivered.is_ok();
        record_delivery(app, notice, delivery, now).await?;
    }
    Ok(Some(took_any))
}

/// Writes the next clients of users whose sessions all ended into the outbox. Returns whether there may be more.
///
/// # Errors
/// When the database cannot be read or written. Committed rows stay.
pub async fn write_next(app: &App, now: Timestamp) -> Result<bool, Fault> {
    if !logout_fanouts::any(&mut app.db.reader().await?).await? {
        return Ok(false);
    }
    let mut tx = app.db.begin().await?;
    let Some(fanout) = logout_fanouts::take(&mut tx).await? else {
        tx.rollback().await;
        return Ok(true);
    };
    let page = EpochPage {
        epoch: fanout.epoch,
        after: fanout.after.unwrap_or(SessionId::from_uuid(Uuid::nil())),
        at: fanout.ended_at,
        limit: CLIENTS,
    };
    let found = end::of_epoch(&mut tx, fanout.user_id, page).await?;
    tell(app, &mut tx, &found, now).await?;
    match found.last() {
        Some(last) if found.len() as u64 == CLIENTS.unsigned_abs() => {
            logout_fanouts::advance(&mut tx, fanout.id, last.id).await?;
        }
        _ => logout_fanouts::remove(&mut tx, fanout.id).await?,
    }
    tx.commit().await?;
    Ok(true)
}

/// One attempt to deliver a notice.
struct Delivery {
    trace: Trace,
    delivered: Result<(), String>,
}

/// Sends one notice.
async fn post(
    app: &App,
    places: &Places<'_>,
    notice: &Notice,
    now: Timestamp,
    trace: Trace,
) -> Result<(), String> {
    // A client that is deleted, or no longer registered for notices, counts as notified.
    let Some(client) = app.client(&notice.client_id) else { return Ok(()) };
    let Some(uri) = &client.metadata.backchannel_logout_uri else { return Ok(()) };
    let token = logout_token(app, &client, notice, now).map_err(|fault| fault.to_string())?;
    places.post_form(uri, &[("logout_token", &token)], trace).await
}

fn logout_token(
    app: &App,
    client: &Client,
    notice: &Notice,
    now: Timestamp,
) -> Result<String, Fault> {
    let now = app.claim_time(now);
    let claims = LogoutClaims {
        iss: app.issuer(),
        sub: notice.user_id.to_string(),
        aud: &client.client_id,
        iat: now.secs(),
        exp: (now + LIFE).secs(),
        jti: notice.id.to_string(),
        sid: notice.session_id.to_string(),
        events: json!({ EVENT: {} }),
    };
    let keyring = app.keyring();
    let signer = keyring.signer(client.metadata.id_token_alg);
    let signer = signer.ok_or_else(|| Fault::internal("there is no key for logout tokens"))?;
    signer.sign(TokenType::LogoutJwt, &claims)
}

async fn record_delivery(
    app: &App,
    notice: &Notice,
    Delivery { trace, delivered }: Delivery,
    now: Timestamp,
) -> Result<(), Fault> {
    let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
    let mut tx = app.db.begin().await?;
    match delivered {
        Ok(()) => drop(logout_notices::remove(&mut tx, notice.id).await?),
        Err(why) if notice.tries >= MAX_TRIES => {
            tracing::warn!(
                client_id = notice.client_id, why, %trace_id, %span_id,
                "a client was not notified of a log-out"
            );
            logout_notices::remove(&mut tx, notice.id).await?;
            let event = Event::new(EventKind::LogoutNoticeFailed)
                .about(notice.user_id)
                .in_session(notice.session_id)
                .detail(&*notice.client_id);
            audit::record(&mut tx, &event, &Origin::system(), now, &*app.entropy).await?;
        }
        Err(why) => {
            tracing::info!(
                client_id = notice.client_id, why, %trace_id, %span_id,
                "a logout notice failed"
            );
            logout_notices::put_off(&mut tx, notice.id, now + pause(notice.tries), now).await?;
        }
    }
    tx.commit().await
}

/// The pause after this many attempts: five seconds, then four times as long each time.
fn pause(tries: i64) -> TimeSpan {
    let exponent = u32::try_from(tries.clamp(1, 8) - 1).unwrap_or(0);
    TimeSpan::from_secs(5 * 4_i64.pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_asked_by_one_task_and_rests_after_it_did_not_answer() {
        let (queues, now) = (Queues::default(), TimeSpan::from_secs(1_000));
        assert!(queues.claim("a", now) && queues.claim("b", now));
        assert!(!queues.claim("a", now + REST + REST), "it runs, however long");
        queues.give_back("a", None);
        assert!(queues.claim("a", now));
        queues.give_back("a", Some(now + REST));
        assert!(!queues.claim("a", now + REST - TimeSpan::from_millis(1)));
        assert!(queues.claim("a", now + REST));
    }

    #[test]
    fn pauses_grow_to_about_a_day_in_all() {
        assert_eq!(pause(1), TimeSpan::from_secs(5));
        assert_eq!(pause(2), TimeSpan::from_secs(20));
        assert_eq!(pause(100), pause(8));
        let all: i64 = (1..MAX_TRIES).map(|tries| pause(tries).secs()).sum();
        assert!((20 * 3600..40 * 3600).contains(&all), "{all}");
    }
}
