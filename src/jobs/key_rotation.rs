//! Automatic key rotation: every few seconds the plan is compared with the existing keys.
//!
//! Owns the timing. `domain::key_rotation` decides what is due; `admin::key_rotation` carries out each step.

use crate::admin::{key_rotation, verifiers};
use crate::app::App;
use crate::base::TimeSpan;
use crate::domain::key_rotation::{Change, Fetch, SPREADING, plan};
use crate::domain::outcome::Fault;
use crate::domain::signing_key::KeyState;
use crate::store::keys;

/// The result of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticked {
    /// The plan was carried out.
    Done(Vec<Change>),
    /// The clock is not trusted; nothing was done.
    Paused,
}

/// Stores the fetches of keys, then takes the steps that are due. Any number of processes may tick concurrently:
/// each step is guarded, and the second process does nothing.
///
/// # Errors
/// When the database cannot be read or written. The next tick continues.
pub async fn tick(app: &App) -> Result<Ticked, Fault> {
    if !app.clock_is_steady().await? {
        return Ok(Ticked::Paused);
    }
    let now = app.now();
    // A failure here is reported only after the keys have been handled, which matter more.
    let written = verifiers::write_verifiers(app, now).await;
    let keys = key_rotation::facts(app).await?;
    let ttl = app.longest_access_ttl();
    if keys.iter().any(|key| key.state != KeyState::Retired && key.longest_ttl < ttl) {
        note_ttl(app, ttl).await?;
    }
    let known = verifiers::known(app, now).await?;
    let fetches: Vec<Fetch> = known.iter().map(|seen| Fetch(seen.last_fetch_at)).collect();
    let mut done = Vec::new();
    for change in plan(now, &keys, &app.key_policy(), &fetches) {
        if key_rotation::carry_out(app, &change, now).await? {
            announce(&change);
            done.push(change);
        }
    }
    app.reload_if_changed().await?;
    written.map(|()| Ticked::Done(done))
}

/// Activates keys whose scheduled activation is due. Reads the database only if there is one, because this runs
/// every second.
///
/// # Errors
/// When the database cannot be read or written. The next call continues.
pub async fn follow_orders(app: &App) -> Result<(), Fault> {
    let now = app.now();
    let next = app.keyring().next_order;
    if next.is_some_and(|at| now >= at || at > now + SPREADING) {
        for change in key_rotation::carry_out_orders(app).await? {
            announce(&change);
        }
    }
    Ok(())
}

async fn note_ttl(app: &App, ttl: TimeSpan) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    keys::note_ttl(&mut tx, ttl).await?;
    tx.commit().await
}

fn announce(change: &Change) {
    match change {
        Change::Publish(alg) => tracing::info!(%alg, "a new signing key is published"),
        Change::Begin(alg) => tracing::info!(%alg, "a first key of this algorithm signs"),
        Change::Activate { kid, missed: 0, .. } => tracing::info!(kid, "a new key signs"),
        Change::Activate { kid, missed, .. } => tracing::warn!(
            kid,
            missed,
            "a new key signs although known verifiers have not fetched it: see signet key list"
        ),
        Change::Stop { kid } => {
            tracing::info!(kid, "a key no longer signs: its algorithm is not in use")
        }
        Change::Retire { kid } => tracing::info!(kid, "a key was removed from the published set"),
    }
}
