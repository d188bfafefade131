//! The objects that configuration files manage, and their state when a file was last applied.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::domain::managed::{ManagedKind, State};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::column;
use super::{Link, Tx};

/// An object that a file manages.
#[derive(Debug, Clone)]
pub struct Managed {
    /// Its kind.
    pub kind: ManagedKind,
    /// Its name in the file.
    pub name: String,
    /// The source of the file.
    pub source: String,
    /// The row id of the object.
    pub object_id: Uuid,
    /// Its state when the file was applied.
    pub state: State,
    /// The reference of its secret, as JSON; `None` if the file has none.
    pub reference: Option<String>,
    /// A keyed hash of its secret.
    pub secret: Option<Vec<u8>>,
    /// When the file was applied.
    pub applied_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ManagedRow {
    kind: String,
    name: String,
    source: String,
    object_id: Uuid,
    state: String,
    reference: Option<String>,
    secret: Option<Vec<u8>>,
    applied_at: Timestamp,
}

impl TryFrom<ManagedRow> for Managed {
    type Error = Fault;
    fn try_from(row: ManagedRow) -> Result<Self, Fault> {
        let unreadable = || Fault::internal("a managed object that cannot be read");
        Ok(Self {
            kind: row.kind.parse().map_err(|_| unreadable())?,
            name: row.name,
            source: row.source,
            object_id: row.object_id,
            state: serde_json::from_str(&row.state)
                .map_err(|error| unreadable().with_source(error))?,
            reference: row.reference,
            secret: row.secret,
            applied_at: row.applied_at,
        })
    }
}

/// Every managed object, by kind and name.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(link: &mut impl Link) -> Result<Vec<Managed>, Fault> {
    let rows = fetch_all!(
        link,
        ManagedRow,
        "SELECT kind, name, source, object_id, state, reference, secret, applied_at FROM managed \
         ORDER BY kind, name"
    )?;
    rows.into_iter().map(Managed::try_from).collect()
}

/// The record of the object with this row id. An object that was created again under the same name has another id.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_object(link: &mut impl Link, object: Uuid) -> Result<Option<Managed>, Fault> {
    fetch_optional!(
        link,
        ManagedRow,
        "SELECT kind, name, source, object_id, state, reference, secret, applied_at FROM managed \
         WHERE object_id = $1 ORDER BY kind, name LIMIT 1",
        object
    )?
    .map(Managed::try_from)
    .transpose()
}

/// Stores the applied state, replacing any record of the name and of the object.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(tx: &mut Tx, managed: &Managed) -> Result<(), Fault> {
    execute!(
        tx,
        "DELETE FROM managed WHERE (kind = $1 AND name = $2) OR object_id = $3",
        managed.kind.as_str(),
        &managed.name,
        managed.object_id
    )?;
    execute!(
        tx,
        "INSERT INTO managed (kind, name, source, object_id, state, reference, secret, applied_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        managed.kind.as_str(),
        &managed.name,
        &managed.source,
        managed.object_id,
        column(&managed.state),
        managed.reference.as_deref(),
        managed.secret.as_deref(),
        managed.applied_at
    )?;
    Ok(())
}

/// Removes the record of an object. False when there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(tx: &mut Tx, kind: ManagedKind, name: &str) -> Result<bool, Fault> {
    let rows =
        execute!(tx, "DELETE FROM managed WHERE kind = $1 AND name = $2", kind.as_str(), name)?;
    Ok(rows == 1)
}
