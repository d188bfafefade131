//! Following the audit trail: each event as it happens.
//!
//! An event has the time at which its request began, so that one with an earlier time may be committed after one with
//! a later time. Each look goes back a little and leaves out what was shown; an event that stands for several is shown
//! again when their number has risen.

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

/// How far each look goes back. Events fold for a minute, and no request takes longer than the rest of it.
const OVERLAP: TimeSpan = TimeSpan::from_secs(90);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How many events are shown at first.
const FIRST: usize = 10;

/// Shows the last events that `filter` names, then each one as it happens. Ends with the process.
pub(super) async fn follow(
    app: &App,
    filter: AuditFilter,
    output: Output,
    logins: &mut Logins,
) -> Result<(), CommandError> {
    let (mut seen, mut is_first, mut is_lost) = (Seen::default(), true, false);
    let mut list = output.list();
    loop {
        let since = seen.since().or(filter.since);
        // The first look shows the last few, unless it was said from when on.
        let most = (is_first && since.is_none()).then_some(FIRST);
        match read(app, AuditFilter { since, ..filter.clone() }, most).await {
            Ok(events) => {
                let new: Vec<StoredEvent> =
                    events.into_iter().filter(|event| seen.is_new(event)).collect();
                if most.is_some() {
                    // What else is as recent was there before.
                    if let Some(since) = seen.since() {
                        let filter = AuditFilter { since: Some(since), ..filter.clone() };
                        let before = read(app, filter, None).await.map_err(CommandError::from)?;
                        for event in &before {
                            seen.is_new(event);
                        }
                    }
                }
                list.rows(&named(app, new, logins).await?)?;
                seen.forget();
                (is_first, is_lost) = (false, false);
            }
            Err(Failure::Failed(fault)) if fault.kind == FaultKind::Unavailable && !is_first => {
                if !is_lost {
                    startup_report::say(&format!("warning: {fault}; trying again\n"));
                }
                is_lost = true;
            }
            Err(failure) => return Err(failure.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The events that `filter` names, or the last `most` of them, oldest first.
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

/// What was shown, as far back as a look goes.
#[derive(Default)]
struct Seen(BTreeMap<AuditId, i64>);

impl Seen {
    /// From when on the next look reads; none while nothing was seen.
    fn since(&self) -> Option<Timestamp> {
        self.0.last_key_value().map(|(newest, _)| newest.made_at() - OVERLAP)
    }

    /// Whether an event was not shown, or stood for fewer then. It counts as shown from now on.
    fn is_new(&mut self, event: &StoredEvent) -> bool {
        self.0.insert(event.id, event.times) != Some(event.times)
    }

    /// Forgets what no look will find again.
    fn forget(&mut self) {
        if let Some(begin) = self.since() {
            self.0 = self.0.split_off(&AuditId::earliest(begin));
        }
    }
}
