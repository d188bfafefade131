//! API keys of users: listing and revoking them.
//!
//! An administrator cannot create one for a user: requests with it would be attributed to the user.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{ApiKeyId, UserId};
use crate::domain::outcome::Failure;
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::identity::api_keys::{self as own, ListedKey};
use crate::store::users;

use super::authorization::authorize_on_user;
use super::users::{not_found, show};

/// The keys of a user, newest first.
///
/// # Errors
/// `not_found`.
pub async fn list(app: App, user: UserId, now: Timestamp) -> Result<Vec<ListedKey>, Failure> {
    show(app.clone(), user).await?;
    own::list(app, user, now).await
}

/// Revokes a key of a user.
///
/// # Errors
/// `not_found`; `forbidden`.
pub async fn revoke(
    app: App,
    user: UserId,
    id: ApiKeyId,
    info: RequestInfo,
) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        users::hold_any(tx, user).await?.ok_or_else(not_found)?;
        let holder = users::find(&mut **tx, user).await?.ok_or_else(not_found)?;
        authorize_on_user(tx, Action::RevokeApiKey, &holder).await?;
        own::revoke(tx, user, id).await
    })
    .await
}
