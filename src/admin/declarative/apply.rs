//! One run of the files, in one transaction.
//!
//! Owns the order of writes, the lock that serialises runs, and what is recorded about each object. A plan is the
//! same run, rolled back at its end, so that it reports exactly what applying the files does.

use std::sync::{Mutex, PoisonError};

use super::declarations::{Declaration, Declarations, MAX_TOLD};
use super::impact;
use super::kinds::{self, Live, Prepared, Wanted};
use super::plan::{
    Action, Change, Found, Plan, decide, digest_of_files, digest_of_objects, leave_out, left_out,
};
use super::references::Reference;
use super::sample;
use crate::admin::key_rotation;
use crate::app::{App, AuditedTx};
use crate::domain::audit::{Event, EventKind};
use crate::domain::managed::ManagedKind;
use crate::domain::outcome::{Code, Failure, Fault, Refusal, quotable};
use crate::domain::request_info::RequestInfo;
use crate::store::managed::{self, Managed};
use crate::store::{meta, setup_links, users};

/// The options of a run.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Delete objects that the source manages and its files no longer declare.
    pub prune: bool,
    /// Take over objects that another source, or none, manages.
    pub adopt: bool,
    /// The user whose tokens a plan shows.
    pub sample_user: Option<String>,
    /// The plan that is to be applied. The files and objects must not have changed since.
    pub expected: Option<Expected>,
}

/// The inputs of a plan.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The hash of the declarations.
    pub files: String,
    /// The hash of the objects.
    pub objects: String,
}

/// The changes that the files would make. Writes nothing.
///
/// # Errors
/// Every reason for which applying them would be refused.
pub async fn plan(
    app: &App,
    declarations: &Declarations,
    choices: &Choices,
    info: &RequestInfo,
) -> Result<Plan, Failure> {
    let prepared = Prepared { hashes: hashes(app, declarations).await?, ..Prepared::default() };
    let planned = Mutex::new(None);
    let run = app.run_or_nothing(info, async |tx| {
        let sampled = choices.sample_user.as_deref();
        let before = match sampled {
            Some(name) => sample::read(tx, name).await?,
            None => None,
        };
        let mut plan = run(tx, declarations, choices, &prepared).await?;
        if let Some(name) = sampled {
            let after = sample::read(tx, name).await?;
            plan.sample = Some(sample::compare(name, before, after)?);
        }
        *planned.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
        // Rolls back.
        Err::<(), Failure>(Refusal::new(Code::Conflict, "This was a plan.").into())
    });
    let outcome = run.await;
    let planned = planned.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (outcome, planned) {
        (Err(Failure::Refused(_)), Some(mut plan)) => {
            impact::count(app, &mut plan.changes, info.now).await;
            Ok(plan)
        }
        (Err(stop), _) => Err(stop),
        (Ok(()), _) => Err(Fault::internal("a plan was carried out").into()),
    }
}

/// Applies the files. The changes take effect here at once, and in other processes within seconds.
///
/// # Errors
/// Every problem, with its place in the files. Nothing has changed then.
pub async fn apply(
    app: &App,
    declarations: &Declarations,
    choices: &Choices,
    info: &RequestInfo,
) -> Result<Plan, Failure> {
    let mut prepared = Prepared { hashes: hashes(app, declarations).await?, ..Prepared::default() };
    for alg in declarations.objects.iter().filter_map(|object| object.wanted.as_ref()?.algorithm())
    {
        if !prepared.keys.contains_key(&alg)
            && let Some(key) = key_rotation::missing(app, alg, info.now).await?
        {
            prepared.keys.insert(alg, key);
        }
    }
    let work = async |tx: &mut AuditedTx| run(tx, declarations, choices, &prepared).await;
    let plan = app.run_or_nothing(info, work).await?;
    app.reload_if_changed().await?;
    Ok(plan)
}

/// The hashes for users who have no password yet. They are computed before the transaction, because hashing is
/// slow.
async fn hashes(
    app: &App,
    declarations: &Declarations,
) -> Result<std::collections::HashMap<String, String>, Failure> {
    let (mut hashes, mut refused) = (std::collections::HashMap::new(), Vec::new());
    for declared in &declarations.objects {
        let Some(Wanted::User(user)) = &declared.wanted else { continue };
        let found = users::credential(&mut app.db.reader().await?, &declared.name).await?;
        if found.is_some_and(|found| found.password_hash.is_some()) {
            continue;
        }
        match kinds::hash_password(app, user).await.map_err(|stop| located(declared, stop)) {
            Ok(hash) => hashes.extend(hash.map(|hash| (declared.name.clone(), hash))),
            Err(Failure::Refused(refusal)) => refused.push(refusal),
            Err(stop) => return Err(stop),
        }
    }
    together(refused)?;
    Ok(hashes)
}

/// A change of a run, and its declaration; `None` if the files no longer declare the object.
struct Step<'a> {
    change: Change,
    found: Found,
    declared: Option<&'a Declaration>,
}

async fn run(
    tx: &mut AuditedTx,
    declarations: &Declarations,
    choices: &Choices,
    prepared: &Prepared,
) -> Result<Plan, Failure> {
    let app = tx.app();
    // In the global lock order. A run that waits here sees the writes of the previous run.
    setup_links::hold_administrators(tx).await?;
    meta::hold_cache_version(tx).await?;
    let steps = steps(tx, declarations, choices).await?;
    let named = steps.iter().map(|step| (step.change.kind, &*step.change.name, &step.found));
    let (files, objects) = (digest_of_files(&app, declarations), digest_of_objects(named));
    if let Some(expected) = &choices.expected {
        let moved = match (expected.files == files, expected.objects == objects) {
            (false, _) => Some("The files have changed since the plan was made."),
            (_, false) => Some("Objects have changed since the plan was made."),
            (true, true) => None,
        };
        if let Some(moved) = moved {
            let message = format!("{moved} Nothing was changed. Make another plan: signet plan");
            return Err(Refusal::new(Code::Conflict, "").with_message(message).into());
        }
    }
    let mut order: Vec<&Step<'_>> = steps.iter().collect();
    order.sort_by_key(|step| rank(&step.change));
    let mut refused = Vec::new();
    for step in order {
        let outcome = carry_out(tx, step, prepared).await;
        let outcome = outcome.map_err(|stop| match step.declared {
            Some(declared) => located(declared, stop),
            None => named_stop(&step.change, stop),
        });
        match outcome {
            Ok(()) => {}
            // The remaining steps run only to find their problems. Everything is rolled back.
            Err(Failure::Refused(refusal)) => refused.push(refusal),
            Err(Failure::Failed(fault)) if refused.is_empty() => return Err(fault.into()),
            // This may be a consequence of an earlier refusal.
            Err(Failure::Failed(_)) => break,
        }
    }
    together(refused)?;
    let changes = steps.into_iter().map(|step| step.change).collect();
    Ok(Plan { changes, files, objects, sample: None })
}

/// One refusal with all messages, and the code of the first.
fn together(refused: Vec<Refusal>) -> Result<(), Failure> {
    let Some(first) = refused.first() else { return Ok(()) };
    let code = first.code;
    let told: Vec<String> =
        refused.iter().take(MAX_TOLD).map(|refusal| refusal.message.to_string()).collect();
    let more = match refused.len().saturating_sub(MAX_TOLD) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    Err(Refusal::new(code, "").with_message(told.join("\n") + &more).into())
}

/// The change of each object, decided under the lock.
async fn steps<'a>(
    tx: &mut AuditedTx,
    declarations: &'a Declarations,
    choices: &Choices,
) -> Result<Vec<Step<'a>>, Failure> {
    let app = tx.app();
    let managed = managed::all(&mut **tx).await?;
    let (mut steps, mut refused) = (Vec::new(), Vec::new());
    for declared in &declarations.objects {
        let live = kinds::live(&mut **tx, &app, declared.kind, &declared.name).await?;
        let found = Found::new(live, &managed);
        match decide(&app, declared, &found, choices.adopt) {
            Ok(change) => steps.push(Step { change, found, declared: Some(declared) }),
            Err(text) => refused.push(text),
        }
    }
    if !refused.is_empty() {
        return Err(Refusal::new(Code::Conflict, "").with_message(refused.join("\n")).into());
    }
    let ids: Vec<_> = steps.iter().filter_map(|step| Some(step.found.live.as_ref()?.id)).collect();
    for row in left_out(declarations, &ids, &managed) {
        let live = kinds::live(&mut **tx, &app, row.kind, &row.name).await?;
        if live.as_ref().is_some_and(|live| live.id == row.object_id) {
            let found = Found { live, owner: Some(row.clone()) };
            steps.push(Step { change: leave_out(row, choices.prune), found, declared: None });
        } else {
            // It was deleted elsewhere, and no file declares it.
            managed::remove(tx, row.kind, &row.name).await?;
        }
    }
    Ok(steps)
}

/// The order of changes. Dependencies are created first and deleted last. Clients and APIs free their names before
/// others take them. Users are deleted after others are created, so that an administrator is always left.
fn rank(change: &Change) -> (u8, usize) {
    let kind = ManagedKind::ALL.iter().position(|kind| *kind == change.kind).unwrap_or(0);
    match (change.action, change.kind) {
        (Action::Delete, ManagedKind::User) => (4, kind),
        (Action::Delete, _) => (1, usize::MAX - kind),
        (Action::Create, _) => (2, 2 * kind),
        (_, _) => (2, 2 * kind + 1),
    }
}

async fn carry_out(
    tx: &mut AuditedTx,
    step: &Step<'_>,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let Step { change, found, declared } = step;
    let wanted = declared.and_then(|declared| declared.wanted.as_ref());
    match (change.action, wanted) {
        (Action::Delete, _) => {
            kinds::remove(tx, change.kind, &change.name).await?;
            let row = found.owner.as_ref().map_or(&change.name, |row| &row.name);
            managed::remove(tx, change.kind, row).await?;
        }
        (Action::Create, Some(wanted)) => {
            wanted.create(tx, prepared).await?;
            remember(tx, change, wanted).await?;
        }
        (Action::Update, Some(wanted)) => {
            wanted.update(tx, prepared).await?;
            remember(tx, change, wanted).await?;
        }
        (Action::Adopt, Some(wanted)) => {
            remember(tx, change, wanted).await?;
            let detail = format!("{} {}", change.kind, change.name);
            tx.record(&Event::new(EventKind::ConfigAdopted).detail(detail)).await?;
        }
        (Action::Unchanged, Some(wanted)) => {
            let live = found.live.as_ref();
            if let (Some(live), Some(row)) = (live, &found.owner)
                && !is_remembered(live, row, wanted, change)
            {
                remember(tx, change, wanted).await?;
            }
        }
        (Action::Unchanged, None) => {
            managed::remove(tx, change.kind, &change.name).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Whether the record of an object needs an update: it was changed elsewhere, and the file was changed to match.
fn is_remembered(live: &Live, row: &Managed, wanted: &Wanted, change: &Change) -> bool {
    row.state == live.state
        && row.secret == mark(live, wanted)
        && row.reference == reference(wanted)
        && row.name == change.name
}

/// A keyed hash of the secret of an object, if a file refers to the secret. Other secrets may be changed elsewhere.
fn mark(live: &Live, wanted: &Wanted) -> Option<Vec<u8>> {
    let referred = wanted.secret().filter(|secret| secret.reference != Reference::Generate);
    referred.and_then(|_| live.secret.clone())
}

/// The stored form of a secret's reference.
fn reference(wanted: &Wanted) -> Option<String> {
    wanted.secret().map(|secret| secret.reference.json().to_string())
}

/// Records the stored state of an object. Later differences are drift.
async fn remember(tx: &mut AuditedTx, change: &Change, wanted: &Wanted) -> Result<(), Failure> {
    let app = tx.app();
    let live = kinds::live(&mut **tx, &app, change.kind, &change.name).await?;
    let Some(live) = live else {
        return Err(Fault::internal("an applied object is missing").into());
    };
    let row = Managed {
        kind: change.kind,
        name: change.name.clone(),
        source: change.source.clone(),
        object_id: live.id,
        secret: mark(&live, wanted),
        state: live.state,
        reference: reference(wanted),
        applied_at: tx.info().now,
    };
    Ok(managed::put(tx, &row).await?)
}

/// The refusal of an object, with its place in the file.
fn located(declared: &Declaration, stop: Failure) -> Failure {
    let Failure::Refused(refusal) = stop else { return stop };
    let what = format!("{} {}", declared.kind, quotable(&declared.name));
    let lines: Vec<String> = match refusal.fields.as_slice() {
        [] => vec![format!("{}: {what}: {}", declared.place(""), refusal.message)],
        fields => fields
            .iter()
            .map(|error| {
                let place = declared.place(error.field);
                match &*refusal.message {
                    // The message of the field is more specific, unless it was replaced.
                    message if error.code == "unreadable" => {
                        format!("{place}: {} of {what}: {message}", error.field)
                    }
                    _ => format!("{place}: {} of {what}: {}", error.field, error.message),
                }
            })
            .collect(),
    };
    Refusal::new(refusal.code, "").with_message(lines.join("\n")).into()
}

/// The same for an object that is not declared in a file.
fn named_stop(change: &Change, stop: Failure) -> Failure {
    let Failure::Refused(refusal) = stop else { return stop };
    let text = format!("{} {}: {}", change.kind, quotable(&change.name), refusal.message);
    Refusal::new(refusal.code, "").with_message(text).into()
}
