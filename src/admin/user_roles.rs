//! Replacing the roles of a user: Signet's own and those of applications.

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::store;

use super::users::{self, Update};

/// All roles of a user.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// The user's role in Signet itself.
    pub role: Role,
    /// The application roles.
    pub roles: Vec<String>,
}

/// Replaces all roles of a user, as an update does.
///
/// # Errors
/// As [`users::update`].
pub async fn set(
    app: App,
    id: UserId,
    RoleChange { role, roles }: RoleChange,
    info: RequestInfo,
) -> Result<User, Failure> {
    let update = Update { role: Some(role), roles: Some(roles), ..Update::default() };
    users::update(app, id, update, info).await
}

/// Whether the roles may be given to a user.
///
/// # Errors
/// Why they are invalid.
pub fn check(change: &RoleChange) -> Result<(), Refusal> {
    let roles = change.roles.clone();
    users::check_attributes(Attributes { roles, ..Attributes::default() }).map(drop)
}

/// The number of enabled administrators besides this user.
///
/// # Errors
/// Only faults.
pub async fn other_administrators(app: App, id: UserId) -> Result<i64, Failure> {
    Ok(store::users::other_administrators(&mut app.db.reader().await?, id).await?)
}
