//! `SIGNET_AUDIT_LOGIN_RETENTION`: removes events of successful log-ins before others.
//!
//! They are most of the events. The walk reads pages without the writer, and takes it for the removals of one page
//! at a time.

use std::time::Instant;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::AuditId;
use crate::domain::outcome::Fault;
use crate::store::login_retention as store;

use super::housekeeping::{BatchSize, Removed, pause};

/// Removes log-in events that are older than the retention. Does nothing while the clock is not trusted.
///
/// # Errors
/// When the database cannot be read or written. The next run continues.
pub async fn prune_logins(app: &App, now: Timestamp) -> Result<Removed, Fault> {
    let mut removed = Removed::default();
    if !app.clock_is_steady().await? {
        return Ok(removed);
    }
    let until = AuditId::earliest(now - app.config.audit_login_retention);
    let (mut at, mut size) =
        (store::position(&mut app.db.reader().await?).await?, BatchSize::FIRST);
    let mut stored = at;
    while !app.is_draining() {
        let began = Instant::now();
        let page = store::walk(&mut app.db.reader().await?, at, until, size.rows()).await?;
        let Some(last) = page.last() else { break };
        at = last.id;
        let mut logins = page.iter().filter(|event| event.is_login()).map(|event| event.id);
        if let Some(first) = logins.next() {
            let mut tx = app.db.begin().await?;
            let rows = store::remove(&mut tx, first, logins.next_back().unwrap_or(first)).await?;
            store::set_position(&mut tx, at).await?;
            tx.commit().await?;
            removed.step(rows);
            app.metrics.count_removed("audit_events", rows);
            stored = at;
        }
        if page.len() as u64 != size.rows().unsigned_abs() {
            break;
        }
        size = size.after(began.elapsed());
        pause(began.elapsed()).await;
    }
    if stored != at {
        let mut tx = app.db.begin().await?;
        store::set_position(&mut tx, at).await?;
        tx.commit().await?;
    }
    Ok(removed)
}
