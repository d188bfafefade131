//! One's own profile.

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{NAME_RULE, User, is_display_name};
use crate::store::users;

use super::bearer::invalid_token;
use super::write_limit::UserWrite;

/// Checks a display name.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn check_name(name: Option<&str>) -> Result<(), Refusal> {
    match name {
        Some(name) if !is_display_name(name) => {
            Err(Refusal::field("name", "not_a_name", NAME_RULE))
        }
        _ => Ok(()),
    }
}

/// Changes what users may change of themselves: the name to show. The name that is stored already is a
/// success that writes nothing.
///
/// # Errors
/// Refused when the name is not showable; too many writes.
pub async fn update(
    app: App,
    user: UserId,
    name: Option<String>,
    info: RequestInfo,
) -> Result<User, Failure> {
    let now = info.now;
    let write = UserWrite::new(&app);
    app.transaction(&info, async |tx| {
        let user = users::find(tx, user).await?.ok_or_else(invalid_token)?;
        if user.name == name {
            return Ok(user);
        }
        check_name(name.as_deref())?;
        write.take(&user)?;
        users::rename(tx, user.id, name.as_deref(), now).await?;
        tx.record(&Event::new(EventKind::UserUpdated).about(user.id).detail("profile")).await?;
        Ok(User { name: name.clone(), updated_at: now, ..user })
    })
    .await
}
