//! The outbox of back-channel log-out notices: written in the transaction that ends the sessions.
//!
//! If all sessions of a user end at once, that transaction writes one row, from which the notices are created
//! afterwards, [`BATCH`] at a time: a user may have thousands of sessions, and SQLite has one writer.
//! `jobs::backchannel_logout` delivers the notices.

use uuid::Uuid;

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{ApiKeyId, NoticeId, SessionId, UserId};
use crate::domain::api_key::{ApiKey, TOKEN_LIFE};
use crate::domain::outcome::Fault;
use crate::store::logout_fanouts::{self, Fanout};
use crate::store::logout_notices::{self, Notice};
use crate::store::revocations::Revoked;
use crate::store::sessions::end::{self, EndedSession, EpochPage};
use crate::store::{Tx, api_keys, mailed_codes, revocations, users};

/// The most notices that are written to the outbox in one transaction.
pub const BATCH: i64 = 500;

/// Records that the clients of these sessions must be notified.
///
/// # Errors
/// When the database cannot be written.
pub async fn tell(
    app: &App,
    tx: &mut Tx,
    ended: &[EndedSession],
    now: Timestamp,
) -> Result<(), Fault> {
    for session in ended {
        let client = app.client(&session.client_id);
        if client.is_none_or(|client| client.metadata.backchannel_logout_uri.is_none()) {
            continue;
        }
        let notice = Notice {
            id: NoticeId::new(now, &*app.entropy),
            client_id: session.client_id.clone(),
            user_id: session.user_id,
            session_id: session.id,
            tries: 0,
        };
        logout_notices::insert(tx, &notice, now).await?;
    }
    Ok(())
}

/// All sessions of a user, read with the user's row locked, before they end.
pub struct Everything {
    user: UserId,
    epoch: i64,
    with_valid_tokens: Vec<(SessionId, Timestamp)>,
    used_keys: Vec<ApiKeyId>,
    of_clients: Option<Vec<EndedSession>>,
}

/// The change of the user whose sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The user stays: notices are written to the outbox afterwards, a few hundred at a time.
    Stays,
    /// The user's rows may be deleted afterwards.
    MayBeDeleted,
}

/// Locks the user's row and reads the sessions that are about to end with the user's epoch. A concurrent log-in
/// commits first, and its session is among them. `None` when there is no such user.
///
/// # Errors
/// When the database cannot be read.
pub async fn everything_of(
    tx: &mut AuditedTx,
    user: UserId,
    fate: Fate,
) -> Result<Option<Everything>, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let Some(epoch) = users::hold_any(tx, user).await? else { return Ok(None) };
    let (inner, context) = tx.for_ending();
    let with_valid_tokens = end::with_valid_tokens(inner, user, epoch, &context).await?;
    let used_keys = api_keys::used_since(inner, user, epoch, earliest_use(now)).await?;
    let mut of_clients = None;
    if fate == Fate::MayBeDeleted {
        let mut all = Vec::new();
        let mut page =
            EpochPage { epoch, after: SessionId::from_uuid(Uuid::nil()), at: now, limit: BATCH };
        while app.any_client_to_tell() {
            let found = end::of_epoch(tx, user, page).await?;
            let Some(last) = found.last() else { break };
            page.after = last.id;
            all.extend(found);
        }
        of_clients = Some(all);
    }
    Ok(Some(Everything { user, epoch, with_valid_tokens, used_keys, of_clients }))
}

/// The hour of the earliest use of an API key for which a token may still be valid.
fn earliest_use(now: Timestamp) -> Timestamp {
    ApiKey::hour_of(now - TOKEN_LIFE - revocations::LEEWAY)
}

/// Revokes, for services that verify offline, the tokens that were issued for an API key.
///
/// # Errors
/// When the database cannot be written.
pub async fn key_ended(tx: &mut Tx, key: ApiKeyId, now: Timestamp) -> Result<(), Fault> {
    revocations::insert(tx, Revoked::Token(&key.to_string()), now, now + TOKEN_LIFE).await
}

impl Everything {
    /// Records that all sessions but `kept` have ended, after the epoch was raised.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ended(mut self, tx: &mut AuditedTx, kept: Option<SessionId>) -> Result<(), Fault> {
        let (app, now) = (tx.app(), tx.info().now);
        mailed_codes::void_of_user(tx, self.user).await?;
        self.with_valid_tokens.retain(|(session, _)| Some(*session) != kept);
        revocations::insert_sessions(tx, &self.with_valid_tokens, now).await?;
        for key in &self.used_keys {
            key_ended(tx, *key, now).await?;
        }
        if let Some(ended) = self.of_clients {
            return tell(&app, tx, &ended, now).await;
        }
        if app.any_client_to_tell() {
            let id = NoticeId::new(now, &*app.entropy);
            let (user_id, epoch) = (self.user, self.epoch);
            let fanout = Fanout { id, user_id, epoch, after: None, ended_at: now };
            logout_fanouts::insert(tx, &fanout).await?;
        }
        Ok(())
    }
}
