//! One's own profile.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::user::{User, is_display_name};
use crate::store::{audit, commit_unless_failed, users};

use super::bearer::invalid_token;

/// Checks a display name.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn check_name(name: Option<&str>) -> Result<(), Refusal> {
    let message = "A name has 1 to 128 printable characters, or is null.";
    match name {
        Some(name) if !is_display_name(name) => Err(Refusal::field("name", "not_a_name", message)),
        _ => Ok(()),
    }
}

/// Changes what a user may change of himself: the name to show.
///
/// # Errors
/// Refused when the name is not showable.
pub async fn update(
    app: App,
    user: UserId,
    name: Option<String>,
    origin: Origin,
    now: Timestamp,
) -> Result<User, Failure> {
    check_name(name.as_deref())?;
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let user = users::find(&mut tx, user).await?.ok_or_else(invalid_token)?;
        users::rename(&mut tx, user.id, name.as_deref(), now).await?;
        let event = Event::new(EventKind::UserUpdated).about(user.id).detail("profile");
        audit::record(&mut tx, &event, &origin, now, &*app.entropy).await?;
        Ok(User { name, updated_at: now, ..user })
    }
    .await;
    commit_unless_failed(tx, outcome).await
}
