//! The audit trail.

use uuid::Uuid;

use crate::base::id::{AdminKeyId, AuditId, SessionId, UserId};
use crate::base::{Entropy, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::failure_reason::FailureReason;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::sign_in_history::{SignIn, SignInOutcome};
use crate::{execute, fetch_all, fetch_optional};

use super::{Link, Tx};

/// An event as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredEvent {
    /// The row's id.
    pub id: AuditId,
    /// When it (first) happened.
    pub at: Timestamp,
    /// The kind of the event.
    pub kind: String,
    /// The interface through which the request came.
    pub via: String,
    /// The acting user.
    pub actor_id: Option<UserId>,
    /// The acting client.
    pub actor_client_id: Option<String>,
    /// The administration key that the client used.
    pub actor_key_id: Option<AdminKeyId>,
    /// The user concerned.
    pub user_id: Option<UserId>,
    /// The session concerned.
    pub session_id: Option<SessionId>,
    /// The address of the client.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: String,
    /// The detail of the event.
    pub detail: Option<String>,
    /// The number of times, for folded events.
    pub times: i64,
    /// When it last happened, for folded events.
    pub last_at: Option<Timestamp>,
    /// Why an attempt failed.
    pub reason: Option<String>,
    /// The client concerned.
    pub client_id: Option<String>,
}

/// Records an event in the transaction of its change. Folded events share one row per key, with a count.
///
/// # Errors
/// When the database cannot be written.
pub async fn record(
    tx: &mut Tx,
    event: &Event,
    origin: &Origin,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let client = origin.client.as_ref();
    execute!(
        tx,
        "INSERT INTO audit_events (id, at, kind, via, actor_id, user_id, session_id, address, \
         request_id, detail, fold, times, browser, client_id, methods, login_ref, reason, last_at, \
         actor_client_id, actor_key_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15, $16, $17, $18, $19) \
         ON CONFLICT (fold) DO UPDATE SET times = audit_events.times + 1, \
         last_at = excluded.last_at",
        AuditId::new(now, entropy),
        now,
        event.kind.as_str(),
        origin.via.as_str(),
        origin.actor,
        event.subject,
        event.session,
        origin.address.map(|address| address.to_string()),
        &origin.request_id,
        event.detail.as_deref(),
        event.fold.as_deref(),
        event.sign_in.browser.as_deref(),
        event.sign_in.client_id.as_deref(),
        event.sign_in.methods.as_deref(),
        event.login_ref.as_deref(),
        event.reason.map(FailureReason::as_str),
        event.fold.as_ref().map(|_| now),
        client.map(|client| &*client.client_id),
        client.and_then(|client| client.key)
    )?;
    tx.note_event(event.kind);
    tracing::info!(
        event = event.kind.as_str(),
        user_id = event.subject.map(tracing::field::display),
        session_id = event.session.map(tracing::field::display),
        actor_id = origin.actor.map(tracing::field::display),
        actor_client_id = client.map(|client| &*client.client_id),
        actor_key_id = client.and_then(|client| client.key).map(tracing::field::display),
        via = origin.via.as_str(),
        request_id = %origin.request_id,
        trace_id = origin.trace.map(|trace| tracing::field::display(trace.trace_id())),
        span_id = origin.trace.map(|trace| tracing::field::display(trace.span_id())),
        detail = event.detail.as_deref(),
        reason = event.reason.map(FailureReason::as_str),
        "audit"
    );
    Ok(())
}

/// Attempts that fold into one row.
#[derive(Debug, Clone)]
pub struct Attempts {
    /// The key of the typed login; the event concerns the user who has it, if any.
    pub login_key: Option<String>,
    /// The origin of the request.
    pub origin: Origin,
    /// When the first of them happened.
    pub at: Timestamp,
    /// When the last of them happened.
    pub last_at: Timestamp,
    /// The number of attempts that the row stands for.
    pub times: i64,
}

/// Records attempts that were counted in memory, with the same statement for known and unknown logins.
///
/// # Errors
/// When the database cannot be written.
pub async fn record_attempts(
    tx: &mut Tx,
    event: &Event,
    attempts: &Attempts,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let Attempts { login_key, origin, at, last_at, times } = attempts;
    execute!(
        tx,
        "INSERT INTO audit_events (id, at, kind, via, user_id, address, request_id, detail, fold, times, browser, \
         client_id, login_ref, reason, last_at) VALUES ($1, $2, $3, $4, \
         (SELECT id FROM users WHERE login_key = $5), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT (fold) DO UPDATE SET times = audit_events.times + excluded.times, \
         last_at = excluded.last_at",
        AuditId::new(*at, entropy),
        at,
        event.kind.as_str(),
        origin.via.as_str(),
        login_key.as_deref(),
        origin.address.map(|address| address.to_string()),
        &origin.request_id,
        event.detail.as_deref(),
        event.fold.as_deref(),
        times,
        event.sign_in.browser.as_deref(),
        event.sign_in.client_id.as_deref(),
        event.login_ref.as_deref(),
        event.reason.map(FailureReason::as_str),
        last_at
    )?;
    tx.note_event(event.kind);
    tracing::info!(
        event = event.kind.as_str(),
        via = origin.via.as_str(),
        request_id = %origin.request_id,
        trace_id = origin.trace.map(|trace| tracing::field::display(trace.trace_id())),
        span_id = origin.trace.map(|trace| tracing::field::display(trace.span_id())),
        reason = event.reason.map(FailureReason::as_str),
        times,
        "audit"
    );
    Ok(())
}

/// Logs that a session has expired: an event that a statement in another file has stored.
pub(super) fn log_expired(session: SessionId, user: UserId, client_id: &str, origin: &Origin) {
    tracing::info!(
        event = EventKind::SessionExpired.as_str(),
        user_id = %user,
        session_id = %session,
        via = origin.via.as_str(),
        request_id = %origin.request_id,
        trace_id = origin.trace.map(|trace| tracing::field::display(trace.trace_id())),
        span_id = origin.trace.map(|trace| tracing::field::display(trace.span_id())),
        detail = client_id,
        "audit"
    );
}

/// The events of a user since `since` that ended all sessions, or may have: a change of the profile does so when it
/// withdraws one of Signet's own roles. At most `limit`, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn endings(
    link: &mut impl Link,
    user: UserId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<StoredEvent>, Fault> {
    fetch_all!(
        link,
        StoredEvent,
        "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, \
         times, last_at, reason, client_id FROM audit_events WHERE id >= $1 AND user_id = $2 AND \
         (kind IN ('password.changed', 'password.reset_by_admin', 'sessions.ended', 'user.disabled', 'user.deleted') \
         OR (kind = 'user.updated' AND detail <> 'admin')) ORDER BY id DESC LIMIT $3",
        AuditId::earliest(since),
        user,
        limit
    )
}

/// The failed attempts under this pseudonym of a login since `since`, newest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn attempts(
    link: &mut impl Link,
    login_ref: &[u8],
    since: Timestamp,
    limit: i64,
) -> Result<Vec<StoredEvent>, Fault> {
    fetch_all!(
        link,
        StoredEvent,
        "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
         reason, client_id FROM audit_events WHERE login_ref = $1 AND id >= $2 AND kind <> 'login.explained' \
         ORDER BY id DESC LIMIT $3",
        login_ref,
        AuditId::earliest(since),
        limit
    )
}

/// The last sign-in of a user since `since`.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_success(
    link: &mut impl Link,
    user: UserId,
    since: Timestamp,
) -> Result<Option<StoredEvent>, Fault> {
    fetch_optional!(
        link,
        StoredEvent,
        "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
         reason, client_id FROM audit_events WHERE user_id = $1 AND id >= $2 AND kind = 'login.succeeded' \
         ORDER BY id DESC LIMIT 1",
        user,
        AuditId::earliest(since)
    )
}

/// The number of attempts refused because of overload since `since`.
///
/// # Errors
/// When the database cannot be read.
pub async fn shed_since(link: &mut impl Link, since: Timestamp) -> Result<i64, Fault> {
    let row = fetch_optional!(
        link,
        (Option<i64>,),
        "SELECT CAST(sum(times) AS BIGINT) FROM audit_events \
         WHERE kind = 'login.shed' AND kind <> 'login.succeeded' AND id >= $1",
        AuditId::earliest(since)
    )?;
    Ok(row.and_then(|(sum,)| sum).unwrap_or(0))
}

/// The addresses from which too many failures locked a user out since `since`, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn refused_networks(
    link: &mut impl Link,
    user: UserId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<String>, Fault> {
    let rows = fetch_all!(
        link,
        (String,),
        "SELECT address FROM audit_events WHERE user_id = $1 AND id >= $2 AND \
         kind = 'login.throttled' AND reason = 'address' AND address IS NOT NULL \
         ORDER BY id DESC LIMIT $3",
        user,
        AuditId::earliest(since),
        limit
    )?;
    Ok(rows.into_iter().map(|(address,)| address).collect())
}

/// The addresses that were refused since `since` because of failures with any account, with the time of the last
/// refusal. Newest first, at most `limit` events.
///
/// # Errors
/// When the database cannot be read.
pub async fn addresses_refused(
    link: &mut impl Link,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<(String, Timestamp)>, Fault> {
    fetch_all!(
        link,
        (String, Timestamp),
        "SELECT address, coalesce(last_at, at) AS refused_at FROM audit_events WHERE id >= $1 AND \
         kind = 'login.throttled' AND kind <> 'login.succeeded' AND reason = 'address' \
         AND address IS NOT NULL ORDER BY id DESC LIMIT $2",
        AuditId::earliest(since),
        limit
    )
}

/// The events since `since` that ended the sessions of every user. At most `limit`, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn endings_of_all(
    link: &mut impl Link,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<StoredEvent>, Fault> {
    fetch_all!(
        link,
        StoredEvent,
        "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, \
         times, last_at, reason, client_id FROM audit_events WHERE kind = 'sessions.ended' \
         AND kind <> 'login.succeeded' AND id >= $1 AND detail = 'all_by_admin' \
         ORDER BY id DESC LIMIT $2",
        AuditId::earliest(since),
        limit
    )
}

#[derive(sqlx::FromRow)]
struct SignInRow {
    id: AuditId,
    at: Timestamp,
    kind: String,
    address: Option<String>,
    browser: Option<String>,
    client_id: Option<String>,
    methods: Option<String>,
    times: i64,
}

impl TryFrom<SignInRow> for SignIn {
    type Error = Fault;
    fn try_from(row: SignInRow) -> Result<Self, Fault> {
        let outcome = row.kind.parse().ok().and_then(SignInOutcome::of);
        let methods = row.methods.unwrap_or_default();
        Ok(Self {
            id: row.id,
            at: row.at,
            outcome: outcome.ok_or_else(|| Fault::internal("a sign-in of an unknown kind"))?,
            address: row.address,
            browser: row.browser,
            client_id: row.client_id,
            methods: methods.split_ascii_whitespace().filter_map(|m| m.parse().ok()).collect(),
            times: row.times,
        })
    }
}

/// A page of the sign-ins of a user since `since`, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn sign_ins(
    link: &mut impl Link,
    user: UserId,
    request: PageRequest,
    since: Timestamp,
) -> Result<Page<SignIn>, Fault> {
    let rows = fetch_all!(
        link,
        SignInRow,
        "SELECT id, at, kind, address, browser, client_id, methods, times FROM audit_events \
         WHERE user_id = $1 AND id < $2 AND id >= $3 AND kind IN ('login.succeeded', \
         'login.stepped_up', 'login.first_factor', 'login.refused', 'login.failed', \
         'login.throttled', 'factor.failed') ORDER BY id DESC LIMIT $4",
        user,
        request.after.unwrap_or(Uuid::max()),
        AuditId::earliest(since),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(SignIn::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |sign_in| sign_in.id.uuid()))
}
