//! Writes the clients of sessions that a generation ended into the outbox of logout notices.
//!
//! One row ended all of them. They are found here, a few hundred per transaction, because SQLite has one writer.
//! `backchannel_logout` delivers the notices.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::BranchId;
use crate::domain::outcome::Fault;
use crate::identity::logout_notices::{BATCH, tell};
use crate::store::session_generations::{self as store, WalkedBranch};
use crate::store::sessions::end::EndedSession;

/// Writes the next clients of the oldest walk. False when there is none.
///
/// # Errors
/// When the database cannot be read or written. The next run writes the rest.
pub async fn write_next(app: &App, now: Timestamp) -> Result<bool, Fault> {
    // Read first without the writer, which is only needed if there is something to write.
    if !store::any_walk(&mut app.db.reader().await?).await? {
        return Ok(false);
    }
    let mut tx = app.db.begin().await?;
    let Some(walk) = store::take_walk(&mut tx).await? else {
        tx.rollback().await;
        return Ok(true);
    };
    let (found, last): (Vec<EndedSession>, Option<BranchId>) = match walk.client_id {
        Some(_) => {
            let found = store::of_client_generation(&mut tx, &walk, BATCH).await?;
            let is_full = found.len() as u64 == BATCH.unsigned_abs();
            let last = found.last().filter(|_| is_full);
            let last = last.map(|session| BranchId::from_uuid(session.id.uuid()));
            (found, last)
        }
        None => {
            let rows = store::of_generation(&mut tx, &walk, BATCH).await?;
            let last = rows.last().map(WalkedBranch::branch);
            (rows.into_iter().filter_map(WalkedBranch::ended).collect(), last)
        }
    };
    tell(app, &mut tx, &found, now).await?;
    match last {
        Some(last) => store::advance_walk(&mut tx, walk.id, last).await?,
        None => store::remove_walk(&mut tx, walk.id).await?,
    }
    tx.commit().await?;
    Ok(true)
}
