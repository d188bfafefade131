//! Listing live sessions: one row for each, seen through the branch that was answered last, newest first.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::session::{Listed, Session, SessionFilter};
use crate::domain::user_agent::Device;
use crate::store::Link;
use crate::store::session_row::SessionRow;
use crate::{fetch_all, fetch_optional};

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

/// The most sessions that are examined for one page, unless a user is named, who has few. Otherwise a page could read
/// very many ended sessions that are still stored.
pub const MAX_EXAMINED: i64 = 10_000;

/// A page of live sessions that match `filter`, newest first. It may have fewer than requested, or none, and still
/// have a cursor.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(
    link: &mut impl Link,
    filter: &SessionFilter,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<Listed>, Fault> {
    let (before, limit) = (request.after.unwrap_or(Uuid::max()), request.limit + 1);
    let since = filter.since.map_or(SessionId::from_uuid(Uuid::nil()), SessionId::earliest);
    let until = last_examined(link, filter, before, since).await?;
    let since = until.map_or(since, SessionId::from_uuid);
    // A statement for each index, because neither database would use it in a combined one.
    let rows = match (filter.user, filter.client_id.as_deref()) {
        (None, None) => fetch_all!(
            link,
            ListedRow,
            "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, \
             s.scope, s.current, s.parent, s.answered_at, s.supersedes, s.created_at, \
             s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.user_epoch, \
             s.grant_type, s.auth_time, s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, \
             s.factors, d.user_agent, \
             d.address FROM sessions s JOIN users u ON u.id = s.user_id \
             LEFT JOIN session_devices d ON d.session_id = s.id \
             WHERE coalesce(s.sid, s.id) < $1 \
             AND coalesce(s.sid, s.id) >= $2 AND s.revoked_at IS NULL \
             AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
             AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
             WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
             AND s.expires_at > $3 AND s.idle_expires_at > $3 \
             AND NOT EXISTS (SELECT 1 FROM sessions o \
             WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) AND o.revoked_at IS NULL \
             AND o.expires_at > $3 AND o.idle_expires_at > $3 AND (o.answered_at > s.answered_at \
             OR (o.answered_at = s.answered_at AND o.id > s.id))) \
             ORDER BY coalesce(s.sid, s.id) DESC LIMIT $4",
            before,
            since,
            now,
            limit,
        ),
        (Some(user), None) => fetch_all!(
            link,
            ListedRow,
            "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, \
             s.scope, s.current, s.parent, s.answered_at, s.supersedes, s.created_at, \
             s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.user_epoch, \
             s.grant_type, s.auth_time, s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, \
             s.factors, d.user_agent, \
             d.address FROM sessions s JOIN users u ON u.id = s.user_id \
             LEFT JOIN session_devices d ON d.session_id = s.id \
             WHERE s.user_id = $1 AND coalesce(s.sid, s.id) < $2 \
             AND coalesce(s.sid, s.id) >= $3 AND s.revoked_at IS NULL \
             AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
             AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
             WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
             AND s.expires_at > $4 AND s.idle_expires_at > $4 \
             AND NOT EXISTS (SELECT 1 FROM sessions o \
             WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) AND o.revoked_at IS NULL \
             AND o.expires_at > $4 AND o.idle_expires_at > $4 AND (o.answered_at > s.answered_at \
             OR (o.answered_at = s.answered_at AND o.id > s.id))) \
             ORDER BY coalesce(s.sid, s.id) DESC LIMIT $5",
            user,
            before,
            since,
            now,
            limit,
        ),
        (None, Some(client)) => fetch_all!(
            link,
            ListedRow,
            "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, \
             s.scope, s.current, s.parent, s.answered_at, s.supersedes, s.created_at, \
             s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.user_epoch, \
             s.grant_type, s.auth_time, s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, \
             s.factors, d.user_agent, \
             d.address FROM sessions s JOIN users u ON u.id = s.user_id \
             LEFT JOIN session_devices d ON d.session_id = s.id \
             WHERE s.client_id = $1 AND coalesce(s.sid, s.id) < $2 \
             AND coalesce(s.sid, s.id) >= $3 AND s.revoked_at IS NULL \
             AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
             AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
             WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
             AND s.expires_at > $4 AND s.idle_expires_at > $4 \
             AND NOT EXISTS (SELECT 1 FROM sessions o \
             WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) AND o.revoked_at IS NULL \
             AND o.expires_at > $4 AND o.idle_expires_at > $4 AND (o.answered_at > s.answered_at \
             OR (o.answered_at = s.answered_at AND o.id > s.id))) \
             ORDER BY coalesce(s.sid, s.id) DESC LIMIT $5",
            client,
            before,
            since,
            now,
            limit,
        ),
        (Some(user), Some(client)) => fetch_all!(
            link,
            ListedRow,
            "SELECT coalesce(s.sid, s.id) AS sid, s.id, s.user_id, s.client_id, s.audience, \
             s.scope, s.current, s.parent, s.answered_at, s.supersedes, s.created_at, \
             s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.user_epoch, \
             s.grant_type, s.auth_time, s.browser_id, s.asked_claims, s.dpop_jkt, s.asked_scope, \
             s.factors, d.user_agent, \
             d.address FROM sessions s JOIN users u ON u.id = s.user_id \
             LEFT JOIN session_devices d ON d.session_id = s.id \
             WHERE s.user_id = $1 AND s.client_id = $2 AND coalesce(s.sid, s.id) < $3 \
             AND coalesce(s.sid, s.id) >= $4 AND s.revoked_at IS NULL \
             AND s.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
             AND NOT EXISTS (SELECT 1 FROM client_session_ends e \
             WHERE e.client_id = s.client_id AND e.generation <> s.client_generation) \
             AND s.expires_at > $5 AND s.idle_expires_at > $5 \
             AND NOT EXISTS (SELECT 1 FROM sessions o \
             WHERE coalesce(o.sid, o.id) = coalesce(s.sid, s.id) AND o.revoked_at IS NULL \
             AND o.expires_at > $5 AND o.idle_expires_at > $5 AND (o.answered_at > s.answered_at \
             OR (o.answered_at = s.answered_at AND o.id > s.id))) \
             ORDER BY coalesce(s.sid, s.id) DESC LIMIT $6",
            user,
            client,
            before,
            since,
            now,
            limit,
        ),
    }?;
    let rows = rows.into_iter().map(Listed::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut_at(rows, request.limit, until, |listed| listed.session.id.uuid()))
}

/// The last session that is examined for a page, if there are more.
async fn last_examined(
    link: &mut impl Link,
    filter: &SessionFilter,
    before: Uuid,
    since: SessionId,
) -> Result<Option<Uuid>, Fault> {
    let row = match (filter.user, filter.client_id.as_deref()) {
        (Some(_), _) => return Ok(None),
        (None, None) => fetch_optional!(
            link,
            (Uuid,),
            "SELECT coalesce(s.sid, s.id) FROM sessions s WHERE coalesce(s.sid, s.id) < $1 \
             AND coalesce(s.sid, s.id) >= $2 ORDER BY coalesce(s.sid, s.id) DESC LIMIT 1 OFFSET $3",
            before,
            since,
            MAX_EXAMINED - 1
        ),
        (None, Some(client)) => fetch_optional!(
            link,
            (Uuid,),
            "SELECT coalesce(s.sid, s.id) FROM sessions s WHERE s.client_id = $1 \
             AND coalesce(s.sid, s.id) < $2 AND coalesce(s.sid, s.id) >= $3 \
             ORDER BY coalesce(s.sid, s.id) DESC LIMIT 1 OFFSET $4",
            client,
            before,
            since,
            MAX_EXAMINED - 1
        ),
    }?;
    Ok(row.map(|(id,)| id))
}
