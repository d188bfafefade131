//! The sign-in history of the caller's account, from the audit trail.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::sign_in_history::{HISTORY, SignIn};
use crate::store::audit;

/// A page of the sign-ins of a user, and of attempts, newest first.
///
/// # Errors
/// Only faults.
pub async fn page(
    app: App,
    user: UserId,
    request: PageRequest,
    now: Timestamp,
) -> Result<Page<SignIn>, Failure> {
    Ok(audit::sign_ins(&mut app.db.reader().await?, user, request, now - HISTORY).await?)
}
