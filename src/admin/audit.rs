//! Reading the audit trail.

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::domain::pagination::{Page, PageRequest};
use crate::store::audit::{self, StoredEvent};

/// A page of events, newest first; of one user if named.
///
/// # Errors
/// Only faults.
pub async fn list(
    app: App,
    user: Option<UserId>,
    request: PageRequest,
) -> Result<Page<StoredEvent>, Failure> {
    Ok(audit::page(&mut app.db.reader().await?, user, request).await?)
}
