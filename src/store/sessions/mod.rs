//! Reading sessions; see also `open`, `list`, `walk` and `end`. The refresh path is in `refresh_batch`.
//!
//! A row is a refresh branch. `coalesce(sid, id)` is its session, in exactly this form, because there is an index
//! on this expression.

pub mod end;
pub mod expiry;
pub mod list;
pub mod open;
pub mod walk;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::base::Timestamp;
use crate::base::id::{BranchId, SessionId, UserId};
use crate::base::opaque_token::TokenHash;
use crate::domain::attributes::Subject;
use crate::domain::authn::Authentication;
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::{execute, fetch_optional};

use super::attributes::{StoredSubject, column};
use super::batch_read::{self, Reading, lines_of_sessions};
use super::session_row::{SessionRow, session_as_json, session_columns};
use super::{Link, Tx};

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
    #[serde(deserialize_with = "flag")]
    must_change_password: bool,
}

/// SQLite has no booleans: in JSON a flag is 0 or 1.
fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? != 0)
}

/// A session and its user as currently stored; of several branches, the one that expires last.
///
/// # Errors
/// When the database cannot be read or the row is invalid.
pub async fn with_user(
    link: &mut impl Link,
    id: SessionId,
) -> Result<Option<(Session, User)>, Fault> {
    let row = fetch_optional!(
        link,
        BearerRow,
        "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, s.scope, \
         s.current, s.parent, s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, \
         s.expires_at, \
         coalesce(s.revoked_at, (SELECT e.ended_at FROM client_session_ends e WHERE e.client_id = s.client_id \
         AND e.generation <> s.client_generation)) AS revoked_at, \
         coalesce(s.revoked_reason, (SELECT 'ended_by_admin' FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation)) AS revoked_reason, \
         s.user_epoch, s.grant_type, s.auth_time, \
         s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, s.factors, \
         u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, u.created_at AS user_created_at, u.updated_at, u.must_change_password \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE coalesce(s.sid, s.id) = $1 \
         ORDER BY s.revoked_at IS NOT NULL, s.idle_expires_at DESC, s.id LIMIT 1",
        id
    )?;
    row.map(BearerRow::read).transpose()
}

/// The session of a refresh branch, seen through it, and its user.
///
/// # Errors
/// When the database cannot be read or the row is invalid.
pub async fn of_branch(
    link: &mut impl Link,
    branch: BranchId,
) -> Result<Option<(Session, User)>, Fault> {
    let row = fetch_optional!(
        link,
        BearerRow,
        "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, s.scope, \
         s.current, s.parent, s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, \
         s.expires_at, \
         coalesce(s.revoked_at, (SELECT e.ended_at FROM client_session_ends e WHERE e.client_id = s.client_id \
         AND e.generation <> s.client_generation)) AS revoked_at, \
         coalesce(s.revoked_reason, (SELECT 'ended_by_admin' FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation)) AS revoked_reason, \
         s.user_epoch, s.grant_type, s.auth_time, \
         s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, s.factors, \
         u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, u.created_at AS user_created_at, u.updated_at, u.must_change_password \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1",
        branch
    )?;
    row.map(BearerRow::read).transpose()
}

/// The id of the session that a refresh branch belongs to.
///
/// # Errors
/// When the database cannot be read.
pub async fn id_of_branch(
    link: &mut impl Link,
    branch: BranchId,
) -> Result<Option<SessionId>, Fault> {
    let row = fetch_optional!(
        link,
        (SessionId,),
        "SELECT coalesce(sid, id) FROM sessions WHERE id = $1",
        branch
    )?;
    Ok(row.map(|(session,)| session))
}

/// Sessions with their users, and which of the given hashes were spent.
pub struct FoundSessions {
    /// By session; missing ones are absent. A row that does not decode is its own fault and does not affect others.
    pub sessions: HashMap<SessionId, Result<(Session, User), Fault>>,
    /// The positions of the spent ones among the hashes.
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
    let mut sessions: HashMap<SessionId, Result<(Session, User), Fault>> =
        HashMap::with_capacity(rows.len());
    for (id, row) in rows {
        let found = row.and_then(BearerRow::read);
        match sessions.entry(id) {
            Entry::Vacant(place) => drop(place.insert(found)),
            Entry::Occupied(mut place) => {
                if lives_longer(&found, place.get()) {
                    drop(place.insert(found));
                }
            }
        }
    }
    Ok(FoundSessions { sessions, spent })
}

/// Whether the first branch represents its session rather than the second. One that does not decode takes
/// precedence, so that a session is never evaluated without one of its branches.
fn lives_longer(
    one: &Result<(Session, User), Fault>,
    other: &Result<(Session, User), Fault>,
) -> bool {
    match (one, other) {
        (_, Err(_)) => false,
        (Err(_), _) => true,
        (Ok((one, _)), Ok((other, _))) => {
            let rank = |session: &Session| (session.revoked.is_none(), session.idle_expires_at);
            rank(one) > rank(other)
        }
    }
}

/// The statement that reads sessions with their users.
pub const WITH_USERS: Reading = Reading {
    doing: "reading sessions",
    sqlite: lines_of_sessions!(
        "coalesce(s.sid, s.id)",
        ", u.login, u.name, json_array(u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at), \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1), \
         u.disabled_at, u.created_at, u.updated_at, u.must_change_password",
        ", (SELECT group_concat(hashes.key) FROM json_each($2) AS hashes \
         CROSS JOIN spent_ids ON spent_ids.hash = unhex(hashes.value)) AS spent"
    ),
    postgres: concat!(
        "SELECT ",
        session_columns!(),
        ", u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, \
         u.created_at AS user_created_at, u.updated_at, u.must_change_password, \
         (SELECT array_agg(hashes.place) FROM unnest($2::bytea[]) WITH ORDINALITY \
         AS hashes (hash, place) JOIN spent_ids ON spent_ids.hash = hashes.hash) AS spent \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE coalesce(s.sid, s.id) = ANY($1)"
    ),
};

impl BearerRow {
    fn read(self) -> Result<(Session, User), Fault> {
        let Subject { role, attributes, email } = self.subject.read()?;
        let user = User {
            id: self.session.user_id,
            login: self.login,
            name: self.name,
            role,
            attributes,
            email,
            disabled_at: self.disabled_at,
            created_at: self.user_created_at,
            updated_at: self.updated_at,
            session_epoch: self.session_epoch,
            must_change_password: self.must_change_password,
        };
        Ok((Session::try_from(self.session)?, user))
    }
}

/// Replaces the authentication of a session, in all its branches.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_authentication(
    tx: &mut Tx,
    id: SessionId,
    authentication: &Authentication,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE sessions SET auth_time = $1, factors = $2 WHERE coalesce(sid, id) = $3",
        authentication.auth_time,
        authentication.factors.as_ref().map(column),
        id
    )?;
    Ok(())
}

/// Replaces the authentication of a live session of `user`, in all its branches; `false` if it is not live.
///
/// # Errors
/// When the database cannot be written.
pub async fn raise(
    tx: &mut Tx,
    id: SessionId,
    user: &User,
    authentication: &Authentication,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE sessions SET auth_time = $1, factors = $2 WHERE coalesce(sid, id) = $3 AND user_id = $4 \
         AND user_epoch = $5 AND revoked_at IS NULL AND idle_expires_at > $6 AND expires_at > $6 \
         AND NOT EXISTS (SELECT 1 FROM client_session_ends e WHERE e.client_id = sessions.client_id \
         AND e.generation <> sessions.client_generation)",
        authentication.auth_time,
        authentication.factors.as_ref().map(column),
        id,
        user.id,
        user.session_epoch,
        now
    )?;
    Ok(rows > 0)
}

/// Moves one session with all its branches to the user's new epoch, so that it stays active when the others
/// end; `false` if it is not live in the old epoch.
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
        "UPDATE sessions SET user_epoch = $1 WHERE coalesce(sid, id) = $2 AND user_id = $3 \
         AND user_epoch = $4 AND revoked_at IS NULL",
        new_epoch,
        id,
        user,
        old_epoch
    )?;
    Ok(rows > 0)
}
