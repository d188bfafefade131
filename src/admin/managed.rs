//! Protects objects that a configuration file manages against accidental changes elsewhere.
//!
//! A forced change (`--force`, `?force=true`) is drift, and the next `signet apply` reverts it.

use uuid::Uuid;

use crate::app::{App, AuditedTx};
use crate::domain::outcome::{Code, Failure, Refusal, quotable};
use crate::store::managed::{self, Managed};

/// Refuses the change of an object that a file manages, unless the request forces it. Called within the transaction
/// that changes the object, while it is held.
///
/// # Errors
/// `managed_object`; faults.
pub(super) async fn guard(tx: &mut AuditedTx, object: Uuid) -> Result<(), Failure> {
    refuse_if(tx, object, |_| true).await
}

/// The same for a new secret. A secret that the file does not refer to may be changed anywhere.
///
/// # Errors
/// `managed_object`; faults.
pub(super) async fn guard_secret(tx: &mut AuditedTx, object: Uuid) -> Result<(), Failure> {
    refuse_if(tx, object, |managed| managed.secret.is_some()).await
}

/// The file that manages an object, if one does.
///
/// # Errors
/// Only faults.
pub async fn of(app: App, object: Uuid) -> Result<Option<Managed>, Failure> {
    Ok(managed::of_object(&mut app.db.reader().await?, object).await?)
}

async fn refuse_if(
    tx: &mut AuditedTx,
    object: Uuid,
    is_guarded: impl FnOnce(&Managed) -> bool + Send,
) -> Result<(), Failure> {
    if tx.info().force {
        return Ok(());
    }
    let found = managed::of_object(&mut **tx, object).await?;
    let Some(found) = found.filter(is_guarded) else { return Ok(()) };
    let message = format!(
        "The {} {} is managed by the configuration source {}. Change its file and apply it, or force this change \
         (--force, ?force=true): the next signet apply reverts it.",
        found.kind,
        quotable(&found.name),
        found.source
    );
    Err(Refusal::new(Code::ManagedObject, "").with_message(message).into())
}
