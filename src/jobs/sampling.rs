//! Periodic counts for the metrics.
//!
//! Large tables are read in parts with pauses, so that ten million sessions neither hold a connection nor keep a
//! core busy.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::app::App;
use crate::domain::outcome::Fault;
use crate::store::{password_costs, sampled_counts};

use super::backups;

/// Rows in one part of a table.
const PART: i64 = 5000;
/// The shortest pause between two parts, and the factor of a part's time.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_TIMES: u32 = 4;
/// The most logout notices that are counted.
const MAX_NOTICES: i64 = 100_000;

/// Reads cheap values: sizes, hash classes, queues in the database, known resource servers, the last backup.
///
/// # Errors
/// When the database cannot be read. The previous values stay.
pub async fn sample(app: &App) -> Result<(), Fault> {
    let sizes = app.db.sizes().await?;
    let mut reader = app.db.reader().await?;
    let notices = sampled_counts::count_notices(&mut reader, MAX_NOTICES).await?;
    let mut classes = BTreeMap::new();
    for cost in password_costs::count_by_class(&mut reader).await? {
        *classes.entry(cost.class).or_default() += cost.users;
    }
    drop(reader);
    let verifiers = verifiers(app).await?;
    app.metrics.sample(|sample| {
        sample.db_bytes = sizes.database;
        sample.wal_bytes = sizes.log;
        sample.free_bytes = sizes.free;
        sample.logout_notices = Some(notices);
        sample.password_hashes = classes.into_iter().collect();
        sample.verifiers = Some(verifiers);
    });
    backups::note_state(app).await
}

/// Counts users and sessions, a part at a time.
///
/// # Errors
/// When the database cannot be read. The previous values stay.
pub async fn count(app: &App) -> Result<(), Fault> {
    let (mut users, mut disabled) = (0, 0);
    let mut part = Part::first();
    while let Some(Part { after, began }) = part {
        let mut reader = app.db.reader().await?;
        let edge = sampled_counts::users_edge(&mut reader, after, PART).await?;
        let counted =
            sampled_counts::count_users(&mut reader, after, edge.unwrap_or(Uuid::max())).await?;
        drop(reader);
        (users, disabled) = (users + counted.0, disabled + counted.1);
        part = Part::next(app, edge, began).await;
    }
    let now = app.now();
    let (mut sessions, mut of_clients, mut sign_ins) = (0, 0, 0);
    part = Part::first();
    while let Some(Part { after, began }) = part {
        let mut reader = app.db.reader().await?;
        let edge = sampled_counts::sessions_edge(&mut reader, after, PART).await?;
        let until = edge.unwrap_or(Uuid::max());
        let counted = sampled_counts::count_sessions(&mut reader, after, until, now).await?;
        drop(reader);
        (sessions, of_clients) = (sessions + counted.0, of_clients + counted.1);
        part = Part::next(app, edge, began).await;
    }
    part = Part::first();
    while let Some(Part { after, began }) = part {
        let mut reader = app.db.reader().await?;
        let edge = sampled_counts::browser_sessions_edge(&mut reader, after, PART).await?;
        let until = edge.unwrap_or(Uuid::max());
        sign_ins += sampled_counts::count_browser_sessions(&mut reader, after, until, now).await?;
        drop(reader);
        part = Part::next(app, edge, began).await;
    }
    app.metrics.sample(|sample| {
        sample.users = Some([users - disabled, disabled]);
        sample.sessions = Some([sessions - of_clients, of_clients, sign_ins]);
    });
    Ok(())
}

/// A part of a table: the rows after an id.
struct Part {
    after: Uuid,
    began: Instant,
}

impl Part {
    fn first() -> Option<Self> {
        Some(Self { after: Uuid::nil(), began: Instant::now() })
    }

    /// The part after `edge`, after a pause; `None` at the end of the table or at shutdown.
    async fn next(app: &App, edge: Option<Uuid>, began: Instant) -> Option<Self> {
        let after = edge.filter(|_| !app.is_draining())?;
        tokio::time::sleep((began.elapsed() * PAUSE_TIMES).max(PAUSE)).await;
        Some(Self { after, began: Instant::now() })
    }
}

/// How many known resource servers have fetched the keys since the newest one was published, and how many have not.
async fn verifiers(app: &App) -> Result<[i64; 2], Fault> {
    let known = crate::admin::verifiers::known(app, app.now()).await?;
    let newest = app.keyring().facts.iter().map(|key| key.published_at).max();
    let fetched = |at| newest.is_none_or(|newest| at >= newest);
    let current = known.iter().filter(|seen| fetched(seen.last_fetch_at)).count();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Ok([count(current), count(known.len() - current)])
}
