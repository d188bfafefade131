//! Changes that were made elsewhere since the files were applied.

use std::collections::BTreeMap;

use super::kinds;
use crate::app::App;
use crate::base::Timestamp;
use crate::domain::managed::{Difference, ManagedKind, differences};
use crate::domain::outcome::Fault;
use crate::store::managed;
use crate::text_enum;

text_enum! {
    /// How an object differs from its applied state.
    pub enum DriftKind {
        /// Settings or the secret differ.
        Changed = "changed",
        /// It does not exist.
        Missing = "missing",
        /// It was deleted, and another object has its name.
        Replaced = "replaced",
    }
}

/// An object that differs from its applied state.
#[derive(Debug, Clone)]
pub struct Drift {
    /// Its kind.
    pub kind: ManagedKind,
    /// Its identifier.
    pub name: String,
    /// The source that manages it.
    pub source: String,
    /// How it differs.
    pub drift: DriftKind,
    /// The fields that differ.
    pub fields: Vec<Difference>,
    /// Whether the secret differs.
    pub secret: bool,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// The objects that have drifted, and their number for every source, including zero.
#[derive(Debug, Default)]
pub struct Drifts {
    /// The objects.
    pub objects: Vec<Drift>,
    /// Their number, by source.
    pub by_source: BTreeMap<String, usize>,
}

/// Compares every managed object with its applied state.
///
/// # Errors
/// When the database cannot be read.
pub async fn drift(app: &App) -> Result<Drifts, Fault> {
    let mut found = Drifts::default();
    for row in managed::all(&mut app.db.reader().await?).await? {
        // A reader per object, so that a long list does not keep a connection from requests.
        let live = kinds::live(&mut app.db.reader().await?, app, row.kind, &row.name).await?;
        let count = found.by_source.entry(row.source.clone()).or_default();
        let (drift, fields, secret) = match live {
            None => (DriftKind::Missing, Vec::new(), false),
            Some(live) if live.id != row.object_id => (DriftKind::Replaced, Vec::new(), false),
            Some(live) => {
                let fields = differences(&row.state, &live.state);
                // A secret that no file refers to may be changed elsewhere, and a password belongs to its user.
                let is_managed = row.secret.is_some() && row.kind != ManagedKind::User;
                let secret = is_managed && row.secret != live.secret;
                if fields.is_empty() && !secret {
                    continue;
                }
                (DriftKind::Changed, fields, secret)
            }
        };
        *count += 1;
        let managed::Managed { kind, name, source, applied_at, .. } = row;
        found.objects.push(Drift { kind, name, source, drift, fields, secret, applied_at });
    }
    Ok(found)
}
