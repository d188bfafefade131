//! Reading the audit trail by one of its indexes, newest first.
//!
//! There is a statement for each index, because neither database chooses well in a combined one.
//! `domain::audit_filter` applies the other conditions to the rows.

use uuid::Uuid;

use crate::base::id::AuditId;
use crate::domain::audit::EventKind;
use crate::domain::audit_filter::{DrivingIndex, EventFacts};
use crate::domain::outcome::Fault;
use crate::fetch_all;

use super::Link;
use super::audit::StoredEvent;

/// The range of rows in an index.
#[derive(Debug, Clone, Copy)]
pub struct IdRange {
    /// Rows before this one.
    pub before: Uuid,
    /// Rows from this one on.
    pub from: AuditId,
    /// The number of rows.
    pub limit: i64,
}

/// The next rows along an index, newest first, and whether these are all.
///
/// # Errors
/// When the database cannot be read.
pub async fn next(
    link: &mut impl Link,
    index: &DrivingIndex<'_>,
    range: IdRange,
) -> Result<(Vec<StoredEvent>, bool), Fault> {
    let IdRange { before, from, limit } = range;
    let rows = match *index {
        DrivingIndex::Kinds(kinds) => return of_kinds(link, kinds, range).await,
        DrivingIndex::User(user) => fetch_all!(
            link,
            StoredEvent,
            "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
             reason, client_id FROM audit_events WHERE user_id = $1 AND id < $2 AND id >= $3 \
             ORDER BY id DESC LIMIT $4",
            user,
            before,
            from,
            limit
        ),
        DrivingIndex::Session(session) => fetch_all!(
            link,
            StoredEvent,
            "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
             reason, client_id FROM audit_events WHERE session_id = $1 AND id < $2 AND id >= $3 \
             ORDER BY id DESC LIMIT $4",
            session,
            before,
            from,
            limit
        ),
        DrivingIndex::Address(address) => fetch_all!(
            link,
            StoredEvent,
            "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
             reason, client_id FROM audit_events WHERE address = $1 AND id < $2 AND id >= $3 \
             ORDER BY id DESC LIMIT $4",
            address.to_string(),
            before,
            from,
            limit
        ),
        DrivingIndex::Client(client_id) => fetch_all!(
            link,
            StoredEvent,
            "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
             reason, client_id FROM audit_events WHERE client_id = $1 AND id < $2 AND id >= $3 \
             ORDER BY id DESC LIMIT $4",
            client_id,
            before,
            from,
            limit
        ),
        DrivingIndex::Time => fetch_all!(
            link,
            StoredEvent,
            "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
             reason, client_id FROM audit_events WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3",
            before,
            from,
            limit
        ),
    }?;
    let is_all = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    Ok((rows, is_all))
}

/// The same for several kinds, each by the index, merged.
async fn of_kinds(
    link: &mut impl Link,
    kinds: &[EventKind],
    range: IdRange,
) -> Result<(Vec<StoredEvent>, bool), Fault> {
    let each = usize::try_from(range.limit).unwrap_or(1).div_ceil(kinds.len().max(1)).max(1);
    let range = IdRange { limit: i64::try_from(each).unwrap_or(i64::MAX), ..range };
    let (mut merged, mut complete_from) = (Vec::new(), None);
    for (place, kind) in kinds.iter().enumerate() {
        if kinds[..place].contains(kind) {
            continue;
        }
        let rows = of_kind(link, *kind, range).await?;
        if rows.len() >= each {
            // Older events of this kind were not read.
            complete_from = complete_from.max(rows.last().map(|row| row.id));
        }
        merged.extend(rows);
    }
    if let Some(from) = complete_from {
        merged.retain(|row| row.id >= from);
    }
    merged.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    Ok((merged, complete_from.is_none()))
}

/// The next events of one kind other than `login.succeeded`. The statement repeats the condition of the partial
/// index, because otherwise neither database uses it with a parameter.
async fn of_kind(
    link: &mut impl Link,
    kind: EventKind,
    range: IdRange,
) -> Result<Vec<StoredEvent>, Fault> {
    fetch_all!(
        link,
        StoredEvent,
        "SELECT id, at, kind, via, actor_id, actor_client_id, actor_key_id, user_id, session_id, address, request_id, detail, times, last_at, \
         reason, client_id FROM audit_events WHERE kind = $1 AND kind <> 'login.succeeded' AND id < $2 \
         AND id >= $3 ORDER BY id DESC LIMIT $4",
        kind.as_str(),
        range.before,
        range.from,
        range.limit
    )
}

impl StoredEvent {
    /// The fields for a filter.
    #[must_use]
    pub fn facts(&self) -> EventFacts<'_> {
        EventFacts {
            id: self.id,
            kind: &self.kind,
            user: self.user_id,
            session: self.session_id,
            actor: self.actor_id,
            actor_client_id: self.actor_client_id.as_deref(),
            actor_key_id: self.actor_key_id,
            address: self.address.as_deref(),
            request_id: &self.request_id,
            reason: self.reason.as_deref(),
            client_id: self.client_id.as_deref(),
        }
    }
}
