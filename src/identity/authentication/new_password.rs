//! The step in which a user chooses a new password, for example after an administrator has set one.

use crate::app::App;
use crate::crypto::password::Slot;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::password::Check;
use crate::identity::password::unchanged;
use crate::identity::register::parse_password_of;
use crate::store::users::Credential;

/// The field of forms and of `/v1` that contains it.
const FIELD: &str = "new_password";

/// Hashes a new password, which must differ from the current one, because an administrator may know that.
///
/// # Errors
/// `weak_password`, naming the field; unavailable when hashing cannot keep up.
pub(super) async fn hash(
    app: &App,
    slots: Vec<Slot>,
    credential: &Credential,
    typed: &str,
) -> Result<String, Failure> {
    let password = parse_password_of(app, FIELD, typed, &credential.user)?;
    let mut slots = slots.into_iter();
    let mut slot = || {
        slots
            .next()
            .ok_or_else(|| Fault::internal("a password hash was requested without a reserved slot"))
    };
    if let Some(present) = &credential.password_hash {
        let compared = app.verify_password(slot()?, password.clone(), present.clone()).await?;
        if compared.check == Check::Matches {
            return Err(unchanged().into());
        }
    }
    Ok(app.hash_password(slot()?, password).await?)
}
