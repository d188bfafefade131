//! A row of `sessions`: its columns, as text and as a JSON array, and the decoded session.

use serde::Deserialize;

use crate::base::Timestamp;
use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::domain::oidc::RequestedClaims;
use crate::domain::outcome::Fault;
use crate::domain::scope::{RequestedScopes, Scopes};
use crate::domain::session::{Chain, Session};

use super::attributes::factors;

/// The columns of a [`SessionRow`].
macro_rules! session_columns {
    () => {
        "coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, s.scope, s.current, s.parent, s.answered_at, \
         s.supersedes, s.created_at, s.idle_expires_at, s.expires_at, \
         coalesce(s.revoked_at, (SELECT e.ended_at FROM client_session_ends e WHERE e.client_id = s.client_id \
         AND e.generation <> s.client_generation)) AS revoked_at, \
         coalesce(s.revoked_reason, (SELECT 'ended_by_admin' FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation)) AS revoked_reason, s.user_epoch, s.grant_type, s.auth_time, s.browser_id, s.asked_claims, \
         s.dpop_jkt, s.asked_scope, s.factors"
    };
}

/// The same as one JSON array of SQLite, in the same order.
macro_rules! session_as_json {
    () => {
        "json_array(hex(coalesce(s.sid, s.id)), hex(s.id), hex(s.user_id), s.client_id, s.audience, s.scope, s.current, \
         s.parent, s.answered_at, s.supersedes, s.created_at, s.idle_expires_at, s.expires_at, \
         coalesce(s.revoked_at, (SELECT e.ended_at FROM client_session_ends e WHERE e.client_id = s.client_id \
         AND e.generation <> s.client_generation)), \
         coalesce(s.revoked_reason, (SELECT 'ended_by_admin' FROM client_session_ends e \
         WHERE e.client_id = s.client_id AND e.generation <> s.client_generation)), s.user_epoch, s.grant_type, s.auth_time, \
         nullif(hex(s.browser_id), ''), s.asked_claims, s.dpop_jkt, \
         s.asked_scope, s.factors)"
    };
}

pub(super) use {session_as_json, session_columns};

/// A session row before validation.
#[derive(sqlx::FromRow, Deserialize)]
pub(super) struct SessionRow {
    sid: SessionId,
    id: BranchId,
    pub(super) user_id: UserId,
    client_id: String,
    audience: Option<String>,
    scope: String,
    current: i64,
    parent: Option<i64>,
    answered_at: Timestamp,
    supersedes: i64,
    created_at: Timestamp,
    idle_expires_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    revoked_reason: Option<String>,
    user_epoch: i64,
    grant_type: Option<String>,
    auth_time: Option<Timestamp>,
    browser_id: Option<BrowserId>,
    asked_claims: Option<String>,
    dpop_jkt: Option<String>,
    asked_scope: Option<String>,
    factors: Option<String>,
}

impl TryFrom<SessionRow> for Session {
    type Error = Fault;
    fn try_from(row: SessionRow) -> Result<Self, Fault> {
        // An invalid row is a fault: guessing a value could grant access.
        let impossible = || Fault::internal("a session row that cannot be");
        let counter = |n: i64| u32::try_from(n).map_err(|_| impossible());
        let parent = row.parent.map(counter).transpose()?;
        let current = counter(row.current)?;
        if parent.is_some_and(|parent| parent >= current) {
            return Err(impossible());
        }
        let revoked = match (row.revoked_at, row.revoked_reason) {
            (None, None) => None,
            (Some(at), Some(reason)) => Some((at, reason.parse().map_err(|_| impossible())?)),
            _ => return Err(impossible()),
        };
        Ok(Self {
            id: row.sid,
            branch: row.id,
            user_id: row.user_id,
            client_id: row.client_id,
            audience: row.audience,
            scopes: Scopes::parse(&row.scope).map_err(|_| impossible())?,
            chain: Chain {
                current,
                parent,
                answered_at: row.answered_at,
                supersedes: u8::try_from(row.supersedes).map_err(|_| impossible())?,
            },
            created_at: row.created_at,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
            revoked,
            user_epoch: row.user_epoch,
            grant_type: row.grant_type,
            auth_time: row.auth_time.unwrap_or(row.created_at),
            factors: factors(row.factors)?,
            browser: row.browser_id,
            asked_claims: match row.asked_claims {
                None => RequestedClaims::default(),
                Some(text) => serde_json::from_str(&text).map_err(|_| impossible())?,
            },
            dpop_jkt: row.dpop_jkt,
            requested_scopes: match row.asked_scope {
                None => None,
                Some(text) => Some(RequestedScopes::parse(&text).map_err(|_| impossible())?),
            },
        })
    }
}
