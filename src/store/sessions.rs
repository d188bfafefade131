//! Sessions, except for the refresh path, which is `refresh_batch`.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{BrowserId, SessionId, UserId};
use crate::base::opaque_token::TokenHash;
use crate::domain::attributes::Subject;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::scope::RequestedScopes;
use crate::domain::session::{EndReason, Listed, Session};
use crate::domain::user::User;
use crate::domain::user_agent::Device;
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::{StoredSubject, column};
use super::batch_read::{self, Reading, lines_of_sessions};
use super::session_row::{SessionRow, session_as_json, session_columns};
use super::{Link, Tx, browser_sessions};

/// Opens a session, if the user's epoch is still the one that was read with the password hash and
/// the log-in it hangs on, if it does, has not ended. False when it may not be: somebody disabled the
/// user, changed the password or logged out meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn open(tx: &mut Tx, session: &Session, device: &Device) -> Result<bool, Fault> {
    // Only looked at, the log-in could end before this is committed, and whoever ends it would not
    // see this session.
    if let Some(browser) = session.browser
        && !browser_sessions::hold(tx, browser, session.user_id).await?
    {
        return Ok(false);
    }
    let rows = execute!(
        tx,
        "INSERT INTO sessions (id, user_id, client_id, audience, scope, current, parent, \
         answered_at, supersedes, created_at, idle_expires_at, expires_at, user_epoch, \
         grant_type, auth_time, browser_id, asked_claims, dpop_jkt, asked_scope) \
         SELECT $1, users.id, $2, $3, $4, $5, NULL, $6, 0, $6, $7, $8, users.session_epoch, \
         $11, $12, $13, $14, $15, $16 \
         FROM users WHERE users.id = $9 AND users.session_epoch = $10 \
         AND users.disabled_at IS NULL",
        session.id,
        &session.client_id,
        session.audience.as_deref(),
        session.scopes.to_string(),
        i64::from(session.chain.current),
        session.created_at,
        session.idle_expires_at,
        session.expires_at,
        session.user_id,
        session.user_epoch,
        session.grant_type.as_deref(),
        session.auth_time,
        session.browser,
        (!session.asked_claims.is_empty()).then(|| column(&session.asked_claims)),
        session.dpop_jkt.as_deref(),
        session.requested_scopes.as_ref().map(RequestedScopes::as_str)
    )?;
    if rows == 0 {
        return Ok(false);
    }
    execute!(
        tx,
        "INSERT INTO session_devices (session_id, user_agent, address) VALUES ($1, $2, $3)",
        session.id,
        &device.user_agent,
        device.address.map(|address| address.to_string())
    )?;
    Ok(true)
}

#[derive(sqlx::FromRow, Deserialize)]
struct BearerRow {
    #[sqlx(flatten)]
    session: SessionRow,
    login: String,
    name: Option<String>,
    #[sqlx(flatten)]
    subject: StoredSubject,
    session_epoch: i64,
    disabled_at: Option<Timestamp>,
    user_created_at: Timestamp,
    updated_at: Timestamp,
}

/// A session and its user as they are now, in one statement: what every Bearer check reads.
///
/// # Errors
/// When the database cannot be read or the row cannot be.
pub async fn with_user(
    link: &mut impl Link,
    id: SessionId,
) -> Result<Option<(Session, User)>, Fault> {
    let row = fetch_optional!(
        link,
        BearerRow,
        "SELECT s.id, s.user_id, s.client_id, s.audience, s.scope, s.current, s.parent, \
         s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, s.expires_at, \
         s.revoked_at, s.revoked_reason, s.user_epoch, s.grant_type, s.auth_time, s.browser_id, \
         s.asked_claims, s.dpop_jkt, s.asked_scope, u.login, u.name, u.role, \
         u.roles, u.groups, u.claims, u.session_epoch, u.disabled_at, u.created_at AS user_created_at, u.updated_at \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1",
        id
    )?;
    row.map(BearerRow::read).transpose()
}

/// Sessions with their users, and which of the hashes asked about were spent.
pub struct FoundSessions {
    /// By session; missing ones are absent. A row that does not decode is a fault of its own and spoils
    /// no other.
    pub sessions: HashMap<SessionId, Result<(Session, User), Fault>>,
    /// The places of the spent ones among the hashes.
    pub spent: HashSet<usize>,
}

/// The same of many sessions at once, with the hashes of ids of access tokens of theirs.
///
/// # Errors
/// When the database cannot be read at all.
pub async fn with_users(
    link: &mut impl Link,
    ids: &[SessionId],
    hashes: &[TokenHash],
) -> Result<FoundSessions, Fault> {
    let (rows, spent) = batch_read::read_with_spent(link, &WITH_USERS, ids, hashes).await?;
    let sessions = rows.into_iter().map(|(id, row)| (id, row.and_then(BearerRow::read))).collect();
    Ok(FoundSessions { sessions, spent })
}

/// Reading sessions with their users.
pub const WITH_USERS: Reading = Reading {
    doing: "reading sessions",
    sqlite: lines_of_sessions!(
        ", u.login, u.name, json_array(u.role, u.roles, u.groups, u.claims), u.session_epoch, \
         u.disabled_at, u.created_at, u.updated_at",
        ", (SELECT group_concat(hashes.key) FROM json_each($2) AS hashes \
         CROSS JOIN spent_ids ON spent_ids.hash = unhex(hashes.value)) AS spent"
    ),
    postgres: concat!(
        "SELECT ",
        session_columns!(),
        ", u.login, u.name, u.role, u.roles, u.groups, u.claims, u.session_epoch, u.disabled_at, \
         u.created_at AS user_created_at, u.updated_at, \
         (SELECT array_agg(hashes.place) FROM unnest($2::bytea[]) WITH ORDINALITY \
         AS hashes (hash, place) JOIN spent_ids ON spent_ids.hash = hashes.hash) AS spent \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ANY($1)"
    ),
};

impl BearerRow {
    fn read(self) -> Result<(Session, User), Fault> {
        let Subject { role, attributes } = self.subject.read()?;
        let user = User {
            id: self.session.user_id,
            login: self.login,
            name: self.name,
            role,
            attributes,
            disabled_at: self.disabled_at,
            created_at: self.user_created_at,
            updated_at: self.updated_at,
            session_epoch: self.session_epoch,
        };
        Ok((Session::try_from(self.session)?, user))
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    session: SessionRow,
    user_agent: Option<String>,
    address: Option<String>,
}

impl TryFrom<ListedRow> for Listed {
    type Error = Fault;
    fn try_from(row: ListedRow) -> Result<Self, Fault> {
        let session = Session::try_from(row.session)?;
        let device = Device {
            user_agent: row.user_agent.unwrap_or_default(),
            address: row.address.and_then(|text| text.parse().ok()),
        };
        Ok(Self { superseded: session.chain.supersedes > 0, session, device })
    }
}

/// A user's live sessions, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn live_of(
    link: &mut impl Link,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Listed>, Fault> {
    let rows = fetch_all!(
        link,
        ListedRow,
        "SELECT s.id, s.user_id, s.client_id, s.audience, s.scope, s.current, s.parent, \
         s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, s.expires_at, \
         s.revoked_at, s.revoked_reason, s.user_epoch, s.grant_type, s.auth_time, s.browser_id, \
         s.asked_claims, s.dpop_jkt, s.asked_scope, d.user_agent, d.address \
         FROM sessions s JOIN users u ON u.id = s.user_id \
         LEFT JOIN session_devices d ON d.session_id = s.id \
         WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.user_epoch = u.session_epoch \
         AND s.expires_at > $2 AND s.idle_expires_at > $2 ORDER BY s.id LIMIT 1000",
        user,
        now
    )?;
    rows.into_iter().map(Listed::try_from).collect()
}

/// A page of everybody's live sessions, oldest first; of one user if named.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(
    link: &mut impl Link,
    user: Option<UserId>,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<Listed>, Fault> {
    let rows = fetch_all!(
        link,
        ListedRow,
        "SELECT s.id, s.user_id, s.client_id, s.audience, s.scope, s.current, s.parent, \
         s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, s.expires_at, \
         s.revoked_at, s.revoked_reason, s.user_epoch, s.grant_type, s.auth_time, s.browser_id, \
         s.asked_claims, s.dpop_jkt, s.asked_scope, d.user_agent, d.address \
         FROM sessions s JOIN users u ON u.id = s.user_id \
         LEFT JOIN session_devices d ON d.session_id = s.id \
         WHERE s.id > $1 AND s.revoked_at IS NULL AND s.user_epoch = u.session_epoch \
         AND s.expires_at > $2 AND s.idle_expires_at > $2 AND ($3 OR s.user_id = $4) \
         ORDER BY s.id LIMIT $5",
        request.after.unwrap_or(Uuid::nil()),
        now,
        user.is_none(),
        user.map_or(Uuid::nil(), |user| user.uuid()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(Listed::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |listed| listed.session.id.uuid()))
}

/// Revokes one session if it is not revoked yet. The user it belonged to, if it was.
///
/// # Errors
/// When the database cannot be written.
pub async fn revoke(
    tx: &mut Tx,
    id: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> Result<Option<UserId>, Fault> {
    let row = fetch_optional!(
        tx,
        (UserId,),
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE id = $3 AND revoked_at IS NULL RETURNING user_id",
        now,
        reason.as_str(),
        id
    )?;
    Ok(row.map(|(user,)| user))
}

/// A session that was just ended, for whoever is to be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EndedSession {
    /// The session.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// The client it was opened through.
    pub client_id: String,
}

impl EndedSession {
    /// What is to be told of a session that ends.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let (id, user_id) = (session.id, session.user_id);
        Self { id, user_id, client_id: session.client_id.clone() }
    }
}

/// Revokes the sessions that hang on a log-in at Signet's own pages, but for those that were granted
/// to go on without their user (`offline_access`).
///
/// # Errors
/// When the database cannot be written.
pub async fn revoke_of_browser(
    tx: &mut Tx,
    browser: BrowserId,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<EndedSession>, Fault> {
    // Not LIKE: its _ is any character, and on SQLite it does not tell capitals apart.
    fetch_all!(
        tx,
        EndedSession,
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE browser_id = $3 AND revoked_at IS NULL \
         AND replace(' ' || scope || ' ', ' offline_access ', '') = ' ' || scope || ' ' \
         RETURNING id, user_id, client_id",
        now,
        reason.as_str(),
        browser
    )
}

/// Revokes all sessions a user has through one client.
///
/// # Errors
/// When the database cannot be written.
pub async fn revoke_of_client(
    tx: &mut Tx,
    user: UserId,
    client_id: &str,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<EndedSession>, Fault> {
    fetch_all!(
        tx,
        EndedSession,
        "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 \
         WHERE user_id = $3 AND client_id = $4 AND revoked_at IS NULL \
         RETURNING id, user_id, client_id",
        now,
        reason.as_str(),
        user,
        client_id
    )
}

/// A user's live sessions that were opened through registered clients, for whoever is to be told that
/// all of them end.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_clients(
    link: &mut impl Link,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<EndedSession>, Fault> {
    fetch_all!(
        link,
        EndedSession,
        "SELECT s.id, s.user_id, s.client_id FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.user_id = $1 AND s.grant_type IS NOT NULL AND s.revoked_at IS NULL \
         AND s.user_epoch = u.session_epoch AND s.expires_at > $2 AND s.idle_expires_at > $2 \
         ORDER BY s.id LIMIT 1000",
        user,
        now
    )
}

/// Takes one session along to the user's new epoch, so that it survives what ends the others.
/// False when it is not live in the old epoch.
///
/// # Errors
/// When the database cannot be written.
pub async fn carry_over(
    tx: &mut Tx,
    id: SessionId,
    user: UserId,
    old_epoch: i64,
    new_epoch: i64,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE sessions SET user_epoch = $1 \
         WHERE id = $2 AND user_id = $3 AND user_epoch = $4 AND revoked_at IS NULL",
        new_epoch,
        id,
        user,
        old_epoch
    )?;
    Ok(rows == 1)
}
