//! Changes of signing keys: the planned steps, each in one transaction, and manual changes.
//!
//! Owns the transactions and the audit events of every stage. `domain::key_rotation` decides when a stage is due;
//! `jobs::key_rotation` is the timer.

use crate::app::{App, AuditedTx, MadeKey};
use crate::base::Timestamp;
use crate::domain::audit::{Event, EventKind};
use crate::domain::key_rotation::{Change, KeyFacts, Policy, SPREADING, ordered};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::store::keys;

use super::authorization::authorize;

/// All signing keys.
///
/// # Errors
/// When the database cannot be read.
pub async fn facts(app: &App) -> Result<Vec<KeyFacts>, Fault> {
    let stored = keys::signing_keys(&mut app.db.reader().await?).await?;
    Ok(stored.into_iter().map(|key| key.facts).collect())
}

/// Performs one automatic step in its own transaction; `false` if another process has already done so.
///
/// # Errors
/// When a key cannot be generated or the database cannot be written.
pub async fn carry_out(app: &App, change: &Change, now: Timestamp) -> Result<bool, Fault> {
    match step(app, change, &RequestInfo::system(now)).await {
        Ok(done) => Ok(done),
        Err(Failure::Refused(_)) => Ok(false),
        Err(Failure::Failed(fault)) => Err(fault),
    }
}

/// Performs one step in its own transaction; `false` if another process has already done so.
async fn step(app: &App, change: &Change, info: &RequestInfo) -> Result<bool, Failure> {
    // Generated before the transaction, because it is slow.
    let made = match change {
        Change::Publish(alg) => {
            Some(app.make_signing_key(*alg, KeyState::Published, info.now).await?)
        }
        Change::Begin(alg) => Some(app.make_signing_key(*alg, KeyState::Active, info.now).await?),
        Change::Activate { .. } | Change::Stop { .. } | Change::Retire { .. } => None,
    };
    match app.transaction_or_nothing(info, async |tx| write(tx, change, made.as_ref()).await).await
    {
        Ok(()) => Ok(true),
        Err(Failure::Refused(refusal)) if refusal.code == Code::Conflict => Ok(false),
        Err(stop) => Err(stop),
    }
}

/// Writes one step, or refuses because another process has already done so.
async fn write(tx: &mut AuditedTx, change: &Change, made: Option<&MadeKey>) -> Result<(), Failure> {
    authorize(tx, Action::RotateKeys, &[]).await?;
    let (app, now) = (tx.app(), tx.info().now);
    let (kind, kid) = match change {
        Change::Publish(_) | Change::Begin(_) => {
            let Some(made) = made else {
                return Err(Fault::internal("there is no key to store").into());
            };
            let key = app.seal_key(tx, made).await?;
            if !keys::insert_signing_key(tx, &key).await? {
                return Err(overtaken().into());
            }
            let begins = key.facts.state == KeyState::Active;
            let kind = if begins { EventKind::KeyActivated } else { EventKind::KeyPublished };
            (kind, key.facts.kid)
        }
        Change::Activate { kid, predecessor, .. } => {
            if let Some(old) = predecessor
                && !keys::advance(tx, old, KeyState::Active, KeyState::Retiring, now).await?
            {
                return Err(overtaken().into());
            }
            if !keys::advance(tx, kid, KeyState::Published, KeyState::Active, now).await? {
                return Err(overtaken().into());
            }
            (EventKind::KeyActivated, kid.clone())
        }
        Change::Stop { kid } => {
            if !keys::advance(tx, kid, KeyState::Active, KeyState::Retiring, now).await? {
                return Err(overtaken().into());
            }
            (EventKind::KeyStopped, kid.clone())
        }
        Change::Retire { kid } => {
            let from_retiring =
                keys::advance(tx, kid, KeyState::Retiring, KeyState::Retired, now).await?;
            if !from_retiring
                && !keys::advance(tx, kid, KeyState::Published, KeyState::Retired, now).await?
            {
                return Err(overtaken().into());
            }
            (EventKind::KeyRetired, kid.clone())
        }
    };
    tx.record(&Event::new(kind).detail(kid)).await?;
    Ok(())
}

/// A new key for `alg`, if there is none yet; [`begin`] stores it.
///
/// # Errors
/// Only faults.
pub async fn missing(app: &App, alg: SigningAlg, now: Timestamp) -> Result<Option<MadeKey>, Fault> {
    let signs = |key: &KeyFacts| key.alg == alg && key.state == KeyState::Active;
    if facts(app).await?.iter().any(signs) {
        return Ok(None);
    }
    app.make_signing_key(alg, KeyState::Active, now).await.map(Some)
}

/// Stores the missing key, in the transaction that needs it, unless another process has already done so.
///
/// # Errors
/// When the database cannot be written.
pub async fn begin(tx: &mut AuditedTx, made: Option<&MadeKey>) -> Result<(), Fault> {
    let Some(made) = made else { return Ok(()) };
    let key = tx.app().seal_key(tx, made).await?;
    if keys::insert_signing_key(tx, &key).await? {
        tx.record(&Event::new(EventKind::KeyActivated).detail(&*key.facts.kid)).await?;
    }
    Ok(())
}

/// The result of a manual change.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Changed {
    /// The key that is or will be signing.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// Its current state.
    pub state: KeyState,
    /// When it begins to sign, unless it waits for verifiers; `None` if it signs already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_at: Option<String>,
}

/// Rotates manually: publishes a successor now, which signs after verifiers have had time to fetch it. With
/// `at_once` it signs as soon as every process has it, [`SPREADING`] later. Without `alg`, rotates every algorithm
/// that has a key.
///
/// # Errors
/// `not_found` when there is no key of this algorithm.
pub async fn rotate(
    app: App,
    alg: Option<SigningAlg>,
    at_once: bool,
    info: RequestInfo,
) -> Result<Vec<Changed>, Failure> {
    info.authority.require(Action::RotateKeys).map_err(Refusal::from)?;
    let before = facts(&app).await?;
    let chosen: Vec<KeyFacts> = before
        .iter()
        .filter(|key| key.state == KeyState::Active && alg.is_none_or(|alg| key.alg == alg))
        .cloned()
        .collect();
    if chosen.is_empty() {
        return Err(no_key().into());
    }
    let policy = app.key_policy();
    let mut changed = Vec::new();
    for active in chosen {
        let waiting = |key: &&KeyFacts| key.alg == active.alg && key.state == KeyState::Published;
        let mut successor = before.iter().find(waiting).cloned();
        if successor.is_none() {
            step(&app, &Change::Publish(active.alg), &info).await?;
            successor = facts(&app).await?.iter().find(waiting).cloned();
        }
        let successor = successor.ok_or_else(overtaken)?;
        changed.push(if at_once {
            sign_soon(&app, &active.kid, &successor, &info).await?
        } else {
            told(&successor, &policy)
        });
    }
    app.reload_if_changed().await?;
    Ok(changed)
}

/// Activates a published key once every process has it: now, or through a scheduled activation. Returns the
/// key's state.
async fn sign_soon(
    app: &App,
    active: &str,
    successor: &KeyFacts,
    info: &RequestInfo,
) -> Result<Changed, Failure> {
    let kid = &successor.kid;
    let everywhere = successor.published_at + SPREADING <= app.now();
    let done = if everywhere {
        let (kid, predecessor) = (kid.clone(), Some(active.to_owned()));
        step(app, &Change::Activate { kid, predecessor, missed: 0 }, info).await?
    } else {
        let ordered = app.transaction_or_nothing(info, async |tx| {
            authorize(tx, Action::RotateKeys, &[]).await?;
            // The time is read again, because generating the key took a while and other processes can read it only
            // now.
            let at = tx.app().now() + SPREADING;
            Ok(keys::order(tx, kid, at).await?)
        });
        ordered.await?
    };
    // The key signs already if another process activated it first.
    let key = facts(app).await?.into_iter().find(|key| key.kid == *kid);
    let key = key.filter(|key| done || key.state == KeyState::Active);
    Ok(told(&key.ok_or_else(overtaken)?, &app.key_policy()))
}

/// Activates every key whose scheduled activation is due.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn carry_out_orders(app: &App) -> Result<Vec<Change>, Fault> {
    let now = app.now();
    let mut done = Vec::new();
    for change in ordered(now, &facts(app).await?) {
        if carry_out(app, &change, now).await? {
            done.push(change);
        }
    }
    app.reload_if_changed().await?;
    Ok(done)
}

fn told(key: &KeyFacts, policy: &Policy) -> Changed {
    let waits = key.state == KeyState::Published;
    Changed {
        kid: key.kid.clone(),
        alg: key.alg,
        state: key.state,
        signs_at: waits.then(|| key.may_sign_at(policy).rfc3339()),
    }
}

/// Retires a key manually. A key that does not sign yet is removed immediately. Any other needs `at_once`: its
/// tokens become invalid, and if it was signing, another key takes over.
///
/// # Errors
/// `not_found`; `conflict` when valid tokens would become invalid and `at_once` is false.
pub async fn retire(
    app: App,
    kid: String,
    at_once: bool,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    info.authority.require(Action::RetireKey).map_err(Refusal::from)?;
    let all = facts(&app).await?;
    let key = all.iter().find(|key| key.kid == kid).ok_or_else(no_key)?;
    match key.state {
        KeyState::Retired => {
            return Err(Refusal::new(Code::Conflict, "This key is already retired.").into());
        }
        KeyState::Active | KeyState::Retiring if !at_once => {
            let message = "Tokens it signed are still valid and would be refused. It is retired automatically when \
                           they have expired. To retire it now: signet key retire KID --now.";
            return Err(Refusal::new(Code::Conflict, message).advising().into());
        }
        KeyState::Active | KeyState::Published | KeyState::Retiring => {}
    }
    let signs = key.state == KeyState::Active;
    let waiting = |next: &&KeyFacts| next.alg == key.alg && next.state == KeyState::Published;
    let successor = all.iter().find(waiting).filter(|_| signs);
    let made = match successor {
        None if signs => Some(app.make_signing_key(key.alg, KeyState::Active, now).await?),
        _ => None,
    };
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::RetireKey, &[]).await?;
        let mut done = keys::advance(tx, &kid, key.state, KeyState::Retired, now).await?;
        let mut events = vec![(EventKind::KeyRetired, kid.clone())];
        // A successor must sign: the published one, or a new one.
        if let Some(next) = successor {
            let (from, to) = (KeyState::Published, KeyState::Active);
            done &= keys::advance(tx, &next.kid, from, to, now).await?;
            events.push((EventKind::KeyActivated, next.kid.clone()));
        }
        if let Some(made) = &made {
            let made = app.seal_key(tx, made).await?;
            done &= keys::insert_signing_key(tx, &made).await?;
            events.push((EventKind::KeyActivated, made.facts.kid));
        }
        if !done {
            return Err(overtaken().into());
        }
        for (kind, kid) in events {
            tx.record(&Event::new(kind).detail(kid)).await?;
        }
        Ok(())
    })
    .await?;
    app.reload_if_changed().await?;
    Ok(())
}

fn no_key() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such signing key.")
}

fn overtaken() -> Refusal {
    Refusal::new(
        Code::Conflict,
        "Another request changed this key at the same time. List the keys and try again.",
    )
}
