//! Reading the audit trail.

use uuid::Uuid;

use crate::app::App;
use crate::base::id::{AuditId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::audit_filter::{Actor, AuditFilter, DrivingIndex};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::store::audit::StoredEvent;
use crate::store::audit_query::{self, IdRange};
use crate::store::clients;
use crate::text_enum;

use super::authorization::authorize;
use super::user_lookup::resolve;

/// The most rows that are examined for one page.
pub const MAX_EXAMINED: usize = 20_000;
/// The rows per statement, where the filter may drop some of them.
const ROWS: i64 = 500;

/// A page of events, newest first.
#[derive(Debug)]
pub struct EventPage {
    /// The events, and the cursor of the next page. A page with fewer events than requested, or none, may be
    /// followed by another.
    pub page: Page<StoredEvent>,
    /// Whether the page ends early, because [`MAX_EXAMINED`] rows were examined.
    pub cut_off: bool,
}

text_enum! {
    /// The form of an export.
    pub enum ExportFormat {
        /// Comma-separated values (RFC 4180), with a header.
        Csv = "csv",
        /// JSON objects, one on each line.
        Ndjson = "ndjson",
    }
}

/// A page of the events that match `filter`, newest first.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    filter: AuditFilter,
    request: PageRequest,
) -> Result<EventPage, Failure> {
    let mut reader = app.db.reader().await?;
    let index = filter.driving_index();
    let wanted = usize::try_from(request.limit).unwrap_or(1) + 1;
    let rows = if leaves_none_out(&filter, &index) { request.limit + 1 } else { ROWS };
    let until = filter.until.map_or(Uuid::max(), |until| AuditId::earliest(until).uuid());
    let mut before = request.after.unwrap_or(Uuid::max()).min(until);
    let from = filter.since.map_or(AuditId::from_uuid(Uuid::nil()), AuditId::earliest);
    let (mut found, mut examined) = (Vec::new(), 0);
    loop {
        let range = IdRange { before, from, limit: rows };
        let (read, is_all) = audit_query::next(&mut reader, &index, range).await?;
        for event in read {
            examined += 1;
            before = event.id.uuid();
            if filter.matches(&event.facts()) {
                found.push(event);
            }
            if found.len() == wanted || examined == MAX_EXAMINED {
                break;
            }
        }
        if found.len() == wanted || (is_all && examined < MAX_EXAMINED) {
            let page = Page::cut(found, request.limit, |event| event.id.uuid());
            return Ok(EventPage { page, cut_off: false });
        }
        if examined == MAX_EXAMINED {
            let page = Page { data: found, next: Some(PageRequest::cursor_of(before)) };
            return Ok(EventPage { page, cut_off: true });
        }
    }
}

/// Whether the index finds only matching events, so that no more than a page is read.
fn leaves_none_out(filter: &AuditFilter, index: &DrivingIndex<'_>) -> bool {
    let mut rest = AuditFilter { since: None, until: None, ..filter.clone() };
    match index {
        DrivingIndex::User(_) => rest.user = None,
        DrivingIndex::Session(_) => rest.session = None,
        DrivingIndex::Address(_) => rest.address = None,
        DrivingIndex::Client(_) => rest.client_id = None,
        DrivingIndex::Kinds(_) => rest.kinds.clear(),
        DrivingIndex::Time => {}
    }
    rest == AuditFilter::default()
}

/// Records an export before its first event is sent.
///
/// # Errors
/// Only faults.
pub async fn begin_export(
    app: App,
    format: ExportFormat,
    info: RequestInfo,
) -> Result<(), Failure> {
    app.transaction(&info, async |tx| {
        authorize(tx, Action::ExportAudit, &[]).await?;
        tx.record(&Event::new(EventKind::AuditExported).detail(format.as_str())).await?;
        Ok(())
    })
    .await
}

/// The user that a filter names: by an id, which may be that of a deleted user, or by a login or e-mail address.
///
/// # Errors
/// `not_found` when no user has the login; `conflict` as in [`resolve`].
pub async fn user_named(app: &App, name: &str) -> Result<UserId, Failure> {
    if let Ok(id) = name.parse::<UserId>() {
        return Ok(id);
    }
    Ok(resolve(app.clone(), name.to_owned()).await?.id)
}

/// The actor of events, by name: a user as in [`user_named`], a client by its `client_id`, an administration key by
/// its id. Users, clients and keys that were deleted are found by their ids; a client with a chosen `client_id` is
/// known as long as it is registered or an event names it.
///
/// # Errors
/// `not_found` when no user, client or key has the name; `conflict` as in [`resolve`].
pub async fn actor_named(app: &App, name: &str) -> Result<Actor, Failure> {
    let is_id = name.parse::<Uuid>().is_ok();
    let user = match user_named(app, name).await {
        Ok(user) => Some(user),
        Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => None,
        Err(failure) => return Err(failure),
    };
    let is_client = is_id || is_known_client(app, name).await?;
    if user.is_none() && !is_client {
        let message = "There is no such user, client or administration key.";
        return Err(Refusal::new(Code::NotFound, message).into());
    }
    Ok(Actor { user, client_id: is_client.then(|| name.to_owned()), key: name.parse().ok() })
}

async fn is_known_client(app: &App, client_id: &str) -> Result<bool, Failure> {
    let mut reader = app.db.reader().await?;
    if clients::find(&mut reader, client_id).await?.is_some() {
        return Ok(true);
    }
    let range = IdRange { before: Uuid::max(), from: AuditId::from_uuid(Uuid::nil()), limit: 1 };
    let named = audit_query::next(&mut reader, &DrivingIndex::Client(client_id), range).await?.0;
    Ok(!named.is_empty())
}
