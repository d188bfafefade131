//! The login names of users, for lists that contain their ids.

use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::store::users;

/// The login names of these users by id. Deleted users have none.
///
/// # Errors
/// Only faults.
pub async fn of(app: App, mut ids: Vec<UserId>) -> Result<HashMap<UserId, String>, Failure> {
    ids.sort_by_key(|id| id.uuid());
    ids.dedup();
    let mut names = HashMap::with_capacity(ids.len());
    let mut reader = app.db.reader().await?;
    for id in ids {
        if let Some(user) = users::find(&mut reader, id).await? {
            names.insert(id, user.login);
        }
    }
    Ok(names)
}

/// The users among these who have one of Signet's own roles.
///
/// # Errors
/// Only faults.
pub async fn protected(app: App, ids: HashSet<UserId>) -> Result<HashSet<UserId>, Failure> {
    let mut protected = HashSet::new();
    let mut reader = app.db.reader().await?;
    for id in ids {
        let user = users::find(&mut reader, id).await?;
        protected.extend(user.filter(|user| user.role.is_signets_own()).map(|user| user.id));
    }
    Ok(protected)
}
