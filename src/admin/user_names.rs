//! The login names of users, for lists that have their ids.
//!
//! Owns that a list names each user, also one with rows of many: an id alone tells a reader nothing.

use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::store::users;

/// The login names of these users by their ids. A user who has been deleted has none.
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

/// Those of these users who have a role of Signet.
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
