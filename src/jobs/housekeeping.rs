//! Housekeeping: removes expired data, a few milliseconds at a time.
//!
//! Owns how long expired data is kept, and the size of a step. SQLite has one writer, so a long transaction delays
//! every other one. One transaction is one step for one kind of data, followed by a longer pause.

use std::time::{Duration, Instant};

use crate::app::App;
use crate::base::id::BranchId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::activity::Width;
use crate::domain::audit::Origin;
use crate::domain::authorization::{CODE_LIFE, PUSHED_REQUEST_LIFE};
use crate::domain::device_code;
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::{KNOWN_NETWORK, LONGEST_WINDOW};
use crate::domain::validity::{FORMER_LOGIN_LIFE, SETUP_LINK_LIFE, latest_end};
use crate::store::Tx;
use crate::store::housekeeping::RemovedBranch;
use crate::store::sessions::expiry::{ExpiredSession, record_expired};
use crate::store::{
    activity, client_documents, housekeeping as store, known_networks, login_limits, mailed_codes,
};

/// How long a verifier that no longer fetches keys is kept.
const KEEP_VERIFIERS: TimeSpan = TimeSpan::from_days(30);
/// How long one that fetched them once or twice is kept.
const KEEP_PASSERS_BY: TimeSpan = TimeSpan::from_days(2);
/// How long an ended session is kept, so that an administrator can ask why it ended.
const KEEP_SESSIONS: TimeSpan = TimeSpan::from_days(1);
/// How long the event of an expired session is kept: there are as many as log-ins.
const KEEP_EXPIRY_EVENTS: TimeSpan = TimeSpan::from_days(30);
/// How long codes and the like are kept after they expire, so that reuse is detected.
const KEEP_PROVIDER: TimeSpan = TimeSpan::from_mins(60);
/// How long an invitation, and a link that takes a change of address back, are known after their time: a user
/// who opens one later learns how to get another. A user has one invitation and few such links.
const KEEP_LONG_LINKS: TimeSpan = TimeSpan::from_days(30);
/// How long pushed requests and single-use ids are kept. Unauthenticated callers can cause them, so the
/// time is short; it is not zero, because clocks are sometimes set back a little.
const KEEP_RUBBISH: TimeSpan = TimeSpan::from_mins(5);

/// How long the copy of a client document is kept that no user has let in, and how much longer than sessions one is
/// that users have.
const KEEP_DOCUMENTS: TimeSpan = TimeSpan::from_days(1);

/// The most rows that one step removes or reads.
pub const MAX_ROWS: i64 = 500;
/// The fewest: a smaller step costs little more than its commit.
const MIN_ROWS: i64 = 20;
/// The size of the first step of a run.
const FIRST_ROWS: i64 = 100;
/// The target time of a step's statement.
const TARGET: Duration = Duration::from_millis(4);
/// The shortest pause between two steps, and the factor of a step's time.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_TIMES: u32 = 2;

/// The number of rows that a run has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows in all.
    pub rows: u64,
    /// Transactions that removed any.
    pub steps: u64,
    /// The most rows that one transaction removed or wrote.
    pub largest: u64,
}

impl Removed {
    /// Counts a transaction that removed `rows`.
    pub(super) fn step(&mut self, rows: u64) {
        self.add(Step { removed: rows, written: 0, is_full: false });
    }

    fn add(&mut self, step: Step) {
        self.rows += step.removed;
        self.steps += u64::from(step.removed > 0);
        self.largest = self.largest.max(step.removed + step.written);
    }
}

/// The result of one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Step {
    removed: u64,
    /// Audit events that were written.
    written: u64,
    /// Whether there may be more to remove.
    is_full: bool,
}

/// A kind of data that expires.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Sessions,
    ExpiryEvents,
    Audit,
    Verifiers,
    LoginLimits,
    KnownNetworks,
    SetupLinks,
    AuthorizationCodes,
    DeviceCodes,
    PushedRequests,
    MailedCodes,
    BrowserSessions,
    SpentIds,
    Revocations,
    FormerLogins,
    ClientDocuments,
    ActivityTenMinutes,
    ActivityHours,
    ActivityDays,
}

impl Kind {
    const ALL: [Self; 19] = [
        Self::Sessions,
        Self::ExpiryEvents,
        Self::Audit,
        Self::Verifiers,
        Self::LoginLimits,
        Self::KnownNetworks,
        Self::SetupLinks,
        Self::AuthorizationCodes,
        Self::DeviceCodes,
        Self::PushedRequests,
        Self::MailedCodes,
        Self::BrowserSessions,
        Self::SpentIds,
        Self::Revocations,
        Self::FormerLogins,
        Self::ClientDocuments,
        Self::ActivityTenMinutes,
        Self::ActivityHours,
        Self::ActivityDays,
    ];

    /// Its name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::ExpiryEvents => "expiry_events",
            Self::Audit => "audit_events",
            Self::Verifiers => "verifiers",
            Self::LoginLimits => "login_limits",
            Self::KnownNetworks => "known_networks",
            Self::SetupLinks => "setup_links",
            Self::AuthorizationCodes => "authorization_codes",
            Self::DeviceCodes => "device_codes",
            Self::PushedRequests => "pushed_requests",
            Self::MailedCodes => "mailed_codes",
            Self::BrowserSessions => "browser_sessions",
            Self::SpentIds => "spent_ids",
            Self::Revocations => "revocations",
            Self::FormerLogins => "former_logins",
            Self::ClientDocuments => "client_documents",
            Self::ActivityTenMinutes => "activity_ten_minutes",
            Self::ActivityHours => "activity_hours",
            Self::ActivityDays => "activity_days",
        }
    }

    /// Removes up to `rows`, or half as many if each may cause an event.
    async fn remove(
        self,
        app: &App,
        tx: &mut Tx,
        now: Timestamp,
        rows: i64,
    ) -> Result<Step, Fault> {
        let removed = match self {
            Self::Sessions => {
                let half = rows / 2;
                let branches = store::sessions(tx, now - KEEP_SESSIONS, half).await?;
                let is_full = branches.len() as u64 >= half.unsigned_abs();
                return Ok(Step { is_full, ..record(app, tx, branches, now).await? });
            }
            Self::ExpiryEvents => store::expiry_events(tx, now - KEEP_EXPIRY_EVENTS, rows).await,
            Self::Audit => store::audit(tx, now - app.config.audit_retention, rows).await,
            Self::Verifiers => {
                store::verifiers(tx, now - KEEP_VERIFIERS, now - KEEP_PASSERS_BY, rows).await
            }
            Self::LoginLimits => {
                let latest = now + LONGEST_WINDOW + login_limits::AHEAD;
                store::login_limits(tx, now, latest, rows).await
            }
            Self::KnownNetworks => {
                let latest = now + known_networks::AHEAD;
                store::known_networks(tx, now - KNOWN_NETWORK, latest, rows).await
            }
            Self::SetupLinks => {
                store::setup_links(tx, now, kept_until(SETUP_LINK_LIFE, now), rows).await
            }
            Self::AuthorizationCodes => {
                let latest = kept_until(CODE_LIFE, now);
                store::authorization_codes(tx, now - KEEP_PROVIDER, latest, rows).await
            }
            Self::DeviceCodes => {
                let latest = kept_until(device_code::LIFE, now);
                store::device_codes(tx, now - KEEP_PROVIDER, latest, rows).await
            }
            Self::PushedRequests => {
                let latest = kept_until(PUSHED_REQUEST_LIFE, now);
                store::pushed_requests(tx, now - KEEP_RUBBISH, latest, rows).await
            }
            Self::MailedCodes => {
                let before = [now - KEEP_PROVIDER, now - KEEP_LONG_LINKS];
                mailed_codes::remove_expired(tx, before, rows).await
            }
            Self::BrowserSessions => store::browser_sessions(tx, now - KEEP_PROVIDER, rows).await,
            Self::SpentIds => store::spent_ids(tx, now - KEEP_RUBBISH, rows).await,
            Self::Revocations => store::revocations(tx, now - KEEP_RUBBISH, rows).await,
            Self::FormerLogins => {
                store::former_logins(tx, now, kept_until(FORMER_LOGIN_LIFE, now), rows).await
            }
            Self::ClientDocuments => {
                // A user may have let the client in up to a day later than the row says.
                let longest = app.lifetimes.max + KEEP_DOCUMENTS + KEEP_DOCUMENTS;
                client_documents::prune(tx, now - KEEP_DOCUMENTS, now - longest, rows).await
            }
            Self::ActivityTenMinutes => {
                activity::remove_old(tx, Width::TenMinutes, now, rows).await
            }
            Self::ActivityHours => activity::remove_old(tx, Width::Hour, now, rows).await,
            Self::ActivityDays => activity::remove_old(tx, Width::Day, now, rows).await,
        }?;
        Ok(Step { removed, written: 0, is_full: removed >= rows.unsigned_abs() })
    }
}

/// The latest plausible expiry of a row with this lifetime. A later one was written by a clock that was more than
/// an hour ahead, and is not valid. A clock that is set back by less must not remove the record of a redeemed code.
fn kept_until(length: TimeSpan, now: Timestamp) -> Timestamp {
    latest_end(length, now) + KEEP_PROVIDER
}

/// Writes the events of expired sessions whose branches were removed.
async fn record(
    app: &App,
    tx: &mut Tx,
    branches: Vec<RemovedBranch>,
    now: Timestamp,
) -> Result<Step, Fault> {
    let removed = branches.len() as u64;
    let expired = branches.into_iter().filter(|branch| branch.revoked_at.is_none());
    let expired: Vec<ExpiredSession> = expired
        .map(|branch| ExpiredSession {
            id: branch.session,
            user_id: branch.user_id,
            client_id: branch.client_id,
            user_epoch: branch.user_epoch,
            origin: Origin::system(),
            noticed_at: now,
        })
        .collect();
    let written = record_expired(tx, &expired, &*app.entropy).await?;
    Ok(Step { removed, written, is_full: false })
}

/// The number of rows in the next step of a kind, adapted to the time of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchSize(i64);

impl BatchSize {
    /// The size of the first step of a run.
    pub(super) const FIRST: Self = Self(FIRST_ROWS);

    /// The rows.
    pub(super) const fn rows(self) -> i64 {
        self.0
    }

    /// At most doubled or halved at once, because one slow step may have another cause.
    pub(super) fn after(self, took: Duration) -> Self {
        let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX).max(1);
        let target = i64::try_from(TARGET.as_micros()).unwrap_or(i64::MAX);
        let fitting = self.0.saturating_mul(target) / took;
        Self(fitting.clamp(self.0 / 2, self.0 * 2).clamp(MIN_ROWS, MAX_ROWS))
    }
}

/// Removes expired data, one step of every kind in turn, until nothing is left. Does nothing while the clock is not
/// trusted.
///
/// # Errors
/// When the database cannot be written. The next run removes the rest.
pub async fn housekeep(app: &App, now: Timestamp) -> Result<Removed, Fault> {
    let mut removed = Removed::default();
    if !app.clock_is_steady().await? {
        return Ok(removed);
    }
    let mut open: Vec<(Kind, BatchSize)> = Kind::ALL.map(|kind| (kind, BatchSize::FIRST)).to_vec();
    while !open.is_empty() {
        let mut left = Vec::new();
        for (kind, size) in open {
            if app.is_draining() {
                return Ok(removed);
            }
            let mut tx = app.db.begin().await?;
            let began = Instant::now();
            let step = kind.remove(app, &mut tx, now, size.0).await?;
            // Without the commit, because the wait for the disk does not depend on the number of rows.
            let took = began.elapsed();
            tx.commit().await?;
            removed.add(step);
            app.metrics.count_removed(kind.name(), step.removed);
            if step.removed > 0 {
                tracing::debug!(?kind, rows = step.removed, ?took, "removed what is over");
                pause(began.elapsed()).await;
            }
            if step.is_full {
                left.push((kind, size.after(took)));
            }
        }
        open = left;
    }
    Ok(removed)
}

/// Walks through the sessions and removes those that have been idle for too long. Reads all that are old enough, a
/// page at a time, and takes the writer only if there is something to remove.
///
/// # Errors
/// When the database cannot be read or written. The next walk starts again.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Removed, Fault> {
    let mut removed = Removed::default();
    if !app.clock_is_steady().await? {
        return Ok(removed);
    }
    let before = now - KEEP_SESSIONS;
    // A younger one cannot have been idle for so long.
    let until = BranchId::earliest(before - app.lifetimes.idle);
    let (mut at, mut size) = (BranchId::from_uuid(uuid::Uuid::nil()), BatchSize::FIRST);
    while !app.is_draining() {
        let began = Instant::now();
        let page = {
            let mut reader = app.db.reader().await?;
            // Each may cause an event.
            store::walk_sessions(&mut reader, at, until, size.0 / 2).await?
        };
        let over: Vec<BranchId> =
            page.iter().filter(|(_, idle)| *idle < before).map(|(id, _)| *id).collect();
        if let (Some(&first), Some(&last)) = (over.first(), over.last()) {
            let mut tx = app.db.begin().await?;
            let branches = store::idle_sessions(&mut tx, first, last, before).await?;
            let step = record(app, &mut tx, branches, now).await?;
            tx.commit().await?;
            removed.add(step);
            app.metrics.count_removed(Kind::Sessions.name(), step.removed);
        }
        match page.last() {
            Some((last, _)) if page.len() as u64 == (size.0 / 2).unsigned_abs() => at = *last,
            _ => break,
        }
        size = size.after(began.elapsed());
        pause(began.elapsed()).await;
    }
    Ok(removed)
}

/// Pauses for longer than the step took, so that other writers go first.
pub(super) async fn pause(took: Duration) {
    tokio::time::sleep((took * PAUSE_TIMES).max(PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::HOUSEKEEPING;

    #[test]
    fn every_kind_is_counted_under_its_name() {
        assert_eq!(Kind::ALL.map(Kind::name), HOUSEKEEPING);
    }

    #[test]
    fn a_step_becomes_as_large_as_its_time_allows() {
        let millis = Duration::from_millis;
        let mut size = BatchSize::FIRST;
        // A row takes 20 microseconds, so 200 rows take the target time.
        for _ in 0..5 {
            size = size.after(Duration::from_micros(20) * u32::try_from(size.0).unwrap());
        }
        assert_eq!(size, BatchSize(200));
        assert_eq!(size.after(millis(0)), BatchSize(400));
        assert_eq!(size.after(millis(1)), BatchSize(400));
        assert_eq!(size.after(millis(5)), BatchSize(160));
        assert_eq!(size.after(millis(10_000)), BatchSize(100));
        assert_eq!(BatchSize(MIN_ROWS).after(Duration::MAX), BatchSize(MIN_ROWS));
        assert_eq!(BatchSize(MAX_ROWS).after(millis(0)), BatchSize(MAX_ROWS));
    }
}
