//! Replacing the master key under which all secrets in the database are sealed.
//!
//! Owns the use case and its audit event. Sealing itself is in `crypto::seal`; `app::keys` lists the sealed values.

use crate::app::App;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::request_info::RequestInfo;

/// The result of rewrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrapped {
    /// Everything is sealed under the new master key now.
    Done,
    /// Everything was already sealed under it.
    Already,
}

/// Seals everything under the new master key in one transaction, so that an interruption never leaves a mixture.
/// Changes no key and ends no session.
///
/// # Errors
/// `conflict` when no old master key is configured.
pub async fn rewrap(app: App, info: RequestInfo) -> Result<Rewrapped, Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        if !app.rewrap(tx).await? {
            return match app.seal.old() {
                Some(_) => Ok(Rewrapped::Already),
                None => Err(no_old_key().into()),
            };
        }
        tx.record(&Event::new(EventKind::MasterKeyReplaced)).await?;
        Ok(Rewrapped::Done)
    })
    .await
}

fn no_old_key() -> Refusal {
    Refusal::new(Code::Conflict, "The database is already sealed under this master key.")
}
