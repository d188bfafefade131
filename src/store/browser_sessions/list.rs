//! Listing live log-ins at Signet's own pages.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{BrowserId, UserId};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::session::SessionFilter;
use crate::domain::user_agent::Device;
use crate::store::Link;
use crate::store::attributes::factors;
use crate::store::sessions::list::MAX_EXAMINED;
use crate::{fetch_all, fetch_optional};

#[derive(sqlx::FromRow)]
struct ListedRow {
    id: BrowserId,
    user_id: UserId,
    user_epoch: i64,
    auth_time: Timestamp,
    factors: Option<String>,
    expires_at: Timestamp,
    persistent: bool,
    ended_at: Option<Timestamp>,
    user_agent: String,
    address: Option<String>,
}

/// A page of live sign-ins and their devices, newest first; of one user if named. It may have fewer than requested,
/// or none, and still have a cursor.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(
    link: &mut impl Link,
    filter: &SessionFilter,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<(BrowserSession, Device)>, Fault> {
    let (before, limit) = (request.after.unwrap_or(Uuid::max()), request.limit + 1);
    let since = filter.since.map_or(BrowserId::from_uuid(Uuid::nil()), BrowserId::earliest);
    // As for sessions.
    let until = match filter.user {
        Some(_) => None,
        None => fetch_optional!(
            link,
            (Uuid,),
            "SELECT id FROM browser_sessions WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT 1 OFFSET $3",
            before,
            since,
            MAX_EXAMINED - 1
        )?
        .map(|(id,)| id),
    };
    let since = until.map_or(since, BrowserId::from_uuid);
    // Two statements, as for sessions: each is found by its index.
    let rows = match filter.user {
        None => fetch_all!(
            link,
            ListedRow,
            "SELECT b.id, b.user_id, b.user_epoch, b.auth_time, b.factors, b.expires_at, b.persistent, b.ended_at, \
             b.user_agent, b.address FROM browser_sessions b JOIN users u ON u.id = b.user_id \
             WHERE b.id < $1 AND b.id >= $2 AND b.ended_at IS NULL AND b.expires_at > $3 \
             AND b.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) ORDER BY b.id DESC LIMIT $4",
            before,
            since,
            now,
            limit
        ),
        Some(user) => fetch_all!(
            link,
            ListedRow,
            "SELECT b.id, b.user_id, b.user_epoch, b.auth_time, b.factors, b.expires_at, b.persistent, b.ended_at, \
             b.user_agent, b.address FROM browser_sessions b JOIN users u ON u.id = b.user_id \
             WHERE b.user_id = $1 AND b.id < $2 AND b.id >= $3 AND b.ended_at IS NULL AND b.expires_at > $4 \
             AND b.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) ORDER BY b.id DESC LIMIT $5",
            user,
            before,
            since,
            now,
            limit
        ),
    }?;
    let listed = rows.into_iter().map(|row| {
        let device = Device {
            user_agent: row.user_agent,
            address: row.address.and_then(|text| text.parse().ok()),
        };
        let browser = BrowserSession {
            id: row.id,
            user_id: row.user_id,
            user_epoch: row.user_epoch,
            auth_time: row.auth_time,
            factors: factors(row.factors)?,
            expires_at: row.expires_at,
            persistent: row.persistent,
            ended_at: row.ended_at,
        };
        Ok((browser, device))
    });
    let listed = listed.collect::<Result<_, Fault>>()?;
    Ok(Page::cut_at(listed, request.limit, until, |(browser, _)| browser.id.uuid()))
}
