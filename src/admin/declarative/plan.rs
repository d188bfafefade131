//! The changes of a run, decided from the declarations, the stored objects and their owners.
//!
//! Owns which objects a source may touch. Decides, and writes nothing.

use serde_json::json;
use uuid::Uuid;

use super::declarations::{Declaration, Declarations};
use super::impact::Impact;
use super::kinds::{Live, SecretChange};
use super::references::Reference;
use super::sample::SampleToken;
use crate::app::App;
use crate::crypto::digest::sha256_base64url;
use crate::domain::managed::{Difference, ManagedKind, State, differences};
use crate::domain::outcome::quotable;
use crate::store::managed::Managed;
use crate::text_enum;

text_enum! {
    /// The change of an object.
    pub enum Action {
        /// It is created.
        Create = "create",
        /// It is changed.
        Update = "update",
        /// It matches the file, and the source of the file manages it from now on.
        Adopt = "adopt",
        /// It is deleted.
        Delete = "delete",
        /// It matches the file.
        Unchanged = "unchanged",
        /// The source manages it but its files no longer declare it. It is kept.
        LeftOut = "left_out",
    }
}

impl Action {
    /// Whether it changes something.
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Unchanged | Self::LeftOut)
    }
}

/// The change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its change.
    pub action: Action,
    /// Its kind.
    pub kind: ManagedKind,
    /// Its identifier.
    pub name: String,
    /// The source that manages it afterwards.
    pub source: String,
    /// The differences.
    pub fields: Vec<Difference>,
    /// How its secret changes; `None` if the file names none.
    pub secret: Option<SecretChange>,
    /// The source that it is taken over from; `Some(None)` if no source managed it.
    pub taken_from: Option<Option<String>>,
    /// The sessions and consents that the change ends; `None` if there are none, or if they were not counted.
    pub impact: Option<Impact>,
}

/// All changes of a run, and hashes of its inputs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The change of each object: declared ones first, then those no longer declared.
    pub changes: Vec<Change>,
    /// A hash of the declarations.
    pub files: String,
    /// A hash of the objects as they were.
    pub objects: String,
    /// The tokens of the sample user that change; `None` if no user was named.
    pub sample: Option<Vec<SampleToken>>,
}

impl Plan {
    /// Whether it contains a change.
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(|change| change.action.changes())
    }
}

/// An object of a run as it is stored.
pub struct Found {
    /// Its stored state; `None` if it does not exist.
    pub live: Option<Live>,
    /// The source that manages it.
    pub owner: Option<Managed>,
}

impl Found {
    /// Finds its entry in `managed` by id, so that another object with the same name is not mistaken for it.
    pub fn new(live: Option<Live>, managed: &[Managed]) -> Self {
        let id = live.as_ref().map(|live| live.id);
        let owner = managed.iter().find(|row| Some(row.object_id) == id).cloned();
        Self { live, owner }
    }
}

/// The change of an object that a file declares.
///
/// # Errors
/// Why the source may not change it.
pub fn decide(
    app: &App,
    declared: &Declaration,
    found: &Found,
    adopt: bool,
) -> Result<Change, String> {
    let Declaration { kind, name, source, wanted, .. } = declared;
    let live = found.live.as_ref();
    let owner = found.owner.as_ref().map(|row| row.source.clone());
    let is_taken = live.is_some() && owner.as_ref() != Some(source);
    if is_taken && !adopt {
        let whose = match &owner {
            Some(other) => format!("is managed by the source {other}"),
            None => "exists and is managed by no source".to_owned(),
        };
        return Err(format!(
            "{}: {kind} {} {whose}. --adopt takes it over for {source}",
            declared.place(""),
            quotable(name)
        ));
    }
    let secret = wanted.as_ref().and_then(|wanted| wanted.secret_change(live, app));
    let wanted_state = wanted.as_ref().map(super::kinds::Wanted::state);
    let none = State::new();
    let before = live.map_or(&none, |live| &live.state);
    let fields =
        wanted_state.as_ref().map(|wanted| differences(before, wanted)).unwrap_or_default();
    let keeps_secret = matches!(secret, None | Some(SecretChange::Same));
    let action = match (live, &wanted_state) {
        (None, None) => Action::Unchanged,
        (Some(_), None) => Action::Delete,
        (None, Some(_)) => Action::Create,
        (Some(_), Some(_)) if !fields.is_empty() || !keeps_secret => Action::Update,
        (Some(_), Some(_)) if is_taken => Action::Adopt,
        (Some(_), Some(_)) => Action::Unchanged,
    };
    let (kind, name, source) = (*kind, name.clone(), source.clone());
    let taken_from = is_taken.then_some(owner);
    Ok(Change { action, kind, name, source, fields, secret, taken_from, impact: None })
}

/// The managed objects of these sources that the files no longer declare. An object that a file declares under
/// another name is still declared.
pub fn left_out<'a>(
    declarations: &'a Declarations,
    declared: &'a [Uuid],
    managed: &'a [Managed],
) -> impl Iterator<Item = &'a Managed> {
    let is_named = |row: &Managed| {
        declarations.objects.iter().any(|object| object.kind == row.kind && object.name == row.name)
    };
    managed.iter().filter(move |row| {
        declarations.sources.contains(&row.source)
            && !is_named(row)
            && !declared.contains(&row.object_id)
    })
}

/// The change of an object that is no longer declared.
pub fn leave_out(row: &Managed, prune: bool) -> Change {
    Change {
        action: if prune { Action::Delete } else { Action::LeftOut },
        kind: row.kind,
        name: row.name.clone(),
        source: row.source.clone(),
        fields: Vec::new(),
        secret: None,
        taken_from: None,
        impact: None,
    }
}

/// A hash of the declarations.
pub fn digest_of_files(app: &App, declarations: &Declarations) -> String {
    let wanted = declarations.objects.iter().map(|declared| {
        let Declaration { kind, name, source, wanted, .. } = declared;
        let state = wanted.as_ref().map(|wanted| wanted.state());
        let reference =
            wanted.as_ref().and_then(|wanted| wanted.secret()).map(|secret| &secret.reference);
        // A generated secret differs each time.
        let known = reference.filter(|reference| **reference != Reference::Generate);
        let mark = known.and_then(|_| wanted.as_ref()?.mark(app));
        json!([kind, name, source, state, reference.map(Reference::json), mark])
    });
    digest(wanted)
}

/// A hash of objects as they are stored.
pub fn digest_of_objects<'a>(
    found: impl Iterator<Item = (ManagedKind, &'a str, &'a Found)>,
) -> String {
    digest(found.map(|(kind, name, found)| {
        let live = found.live.as_ref().map(|live| json!([live.id, live.state, live.secret]));
        json!([kind, name, live, found.owner.as_ref().map(|row| &row.source)])
    }))
}

fn digest(parts: impl Iterator<Item = serde_json::Value>) -> String {
    let lines: String = parts.map(|part| format!("{part}\n")).collect();
    sha256_base64url(lines.as_bytes())
}
