//! Following the audit trail.
//!
//! An event has the time at which its request began, so that one with an earlier time may be committed after one with
//! a later time. Each poll goes back a little and skips what was shown. An event that counts several is shown again
//! when its count has risen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admin::audit;
use crate::app::App;
use crate::base::id::AuditId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::outcome::{Failure, FaultKind};
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::store::audit::StoredEvent;

use super::{Logins, named};
use crate::cli::error::CommandError;
use crate::cli::output::Output;
use crate::cli::startup_report;

/// How far each poll goes back. Events fold for a minute, and no request takes longer than the remaining time.
const OVERLAP: TimeSpan = TimeSpan::from_secs(90);
/// The pause between two polls.
const PAUSE: Duration = Duration::from_secs(1);
/// The number of events that are shown first.
const FIRST: usize = 10;

/// Shows the last events that match `filter`, then new ones as they occur, until the process ends.
pub(super) async fn follow(
    app: &App,
    filter: AuditFilter,
    output: Output,
    logins: &mut Logins,
) -> Result<(), CommandError> {
    let (mut seen, mut is_first, mut is_lost) = (Seen::default(), true, false);
    let mut list = output.list();
    loop {
        match poll(app, &filter, &mut seen, is_first).await {
            Ok(new) => {
                list.rows(&named(app, new, logins).await?)?;
                (is_first, is_lost) = (false, false);
            }
            Err(Failure::Failed(fault)) if fault.kind == FaultKind::Unavailable && !is_first => {
                if !is_lost {
                    startup_report::say(&format!("warning: {fault}; retrying\n"));
                }
                is_lost = true;
            }
            Err(failure) => return Err(failure.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The events since the last poll, oldest first.
async fn poll(
    app: &App,
    filter: &AuditFilter,
    seen: &mut Seen,
    is_first: bool,
) -> Result<Vec<StoredEvent>, Failure> {
    // Read before the events, so that events in between are found by the next poll.
    let newest = read(app, AuditFilter::default(), Some(1)).await?;
    let since = seen.since().max(filter.since);
    // The first poll shows the last few events, unless `--since` was given.
    let most = (is_first && since.is_none()).then_some(FIRST);
    let events = read(app, AuditFilter { since, ..filter.clone() }, most).await?;
    let new: Vec<StoredEvent> = events.into_iter().filter(|event| seen.is_new(event)).collect();
    seen.horizon = seen.horizon.max(newest.first().map(|event| event.id.made_at()));
    if most.is_some() {
        // Other events within the overlap were there before.
        let since = seen.since();
        for event in read(app, AuditFilter { since, ..filter.clone() }, None).await? {
            seen.is_new(&event);
        }
    }
    seen.forget();
    Ok(new)
}

/// The events that match `filter`, or the last `most` of them, oldest first.
async fn read(
    app: &App,
    filter: AuditFilter,
    most: Option<usize>,
) -> Result<Vec<StoredEvent>, Failure> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { after, limit: MAX_LIMIT };
        let listed = audit::list(app.clone(), filter.clone(), request);
        let page = app.run_to_completion(listed).await?.page;
        events.extend(page.data);
        after = page.next.as_deref().and_then(PageRequest::cursor);
        if after.is_none() || most.is_some_and(|most| events.len() >= most) {
            break;
        }
    }
    events.truncate(most.unwrap_or(usize::MAX));
    events.reverse();
    Ok(events)
}

/// The events that were shown within the overlap.
#[derive(Default)]
struct Seen {
    shown: BTreeMap<AuditId, i64>,
    /// The time of the newest event of any kind at the last poll.
    horizon: Option<Timestamp>,
}

impl Seen {
    /// From when on the next poll reads; `None` before the first.
    fn since(&self) -> Option<Timestamp> {
        self.horizon.map(|newest| newest - OVERLAP)
    }

    /// Whether an event is new or its count has risen. It counts as shown from now on.
    fn is_new(&mut self, event: &StoredEvent) -> bool {
        self.shown.insert(event.id, event.times) != Some(event.times)
    }

    /// Forgets events that no further poll can return.
    fn forget(&mut self) {
        if let Some(since) = self.since() {
            self.shown = self.shown.split_off(&AuditId::earliest(since));
        }
    }
}
