//! Finding the user that an administrator names on the command line.
//!
//! A name must be unambiguous: the login name of one user can equal the e-mail address of another, and the
//! administrator must not change the wrong user.

use crate::app::App;
use crate::base::id::UserId;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::user::User;
use crate::store::{Link, email_owners, users};

use super::users::not_found;

/// The user with this login name, with this verified e-mail address, or with this id.
///
/// # Errors
/// `not_found`; `conflict` if it is the login name of one user and the address of another.
pub async fn resolve(app: App, name: String) -> Result<User, Failure> {
    resolve_in(&mut app.db.reader().await?, &name).await
}

/// The same through `link`, which sees the writes of its transaction.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn resolve_in(link: &mut impl Link, name: &str) -> Result<User, Failure> {
    if let Ok(login) = LoginName::parse(name) {
        let by_login = users::credential(link, login.key()).await?;
        let owner = email_owners::owner_of(link, login.key()).await?;
        match (by_login, owner) {
            (Some(found), Some(owner)) if found.user.id != owner => {
                let message = format!(
                    "This is the login of user {} and the e-mail address of user {owner}. Name the id.",
                    found.user.id
                );
                return Err(Refusal::new(Code::Conflict, "").with_message(message).into());
            }
            (Some(found), _) => return Ok(found.user),
            (None, Some(owner)) => {
                return Ok(users::find(link, owner).await?.ok_or_else(not_found)?);
            }
            (None, None) => {}
        }
    }
    let Ok(id) = name.parse::<UserId>() else { return Err(not_found().into()) };
    Ok(users::find(link, id).await?.ok_or_else(not_found)?)
}
