//! Users.
//!
//! Passwords are in `password`, login names in `login_name`.

use crate::base::Timestamp;
use crate::base::id::UserId;

use super::attributes::{Attributes, Subject};
use super::login_name::LoginName;
use super::outcome::Fault;
use super::text;
use super::user_email::UserEmail;

pub use super::attributes::Role;

/// The longest display name, in characters.
pub const MAX_NAME: usize = 128;

/// A user, without anything secret.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id, `sub` in tokens; never used again, not even for the same login.
    pub id: UserId,
    /// The login name as typed.
    pub login: String,
    /// The display name, if the user has one.
    pub name: Option<String>,
    /// The user's role in Signet itself.
    pub role: Role,
    /// The user's attributes, for the tokens of APIs that request them.
    pub attributes: Attributes,
    /// The e-mail address, if the user has one.
    pub email: Option<UserEmail>,
    /// When the user was disabled; `None` if enabled.
    pub disabled_at: Option<Timestamp>,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When anything about the user last changed.
    pub updated_at: Timestamp,
    /// The session epoch. Raising it ends all sessions of the user.
    pub session_epoch: i64,
    /// Whether the user must choose a new password at the next sign-in.
    pub must_change_password: bool,
}

impl std::fmt::Debug for User {
    // Without login and name, because both may be personal and debug output may end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish()
    }
}

impl User {
    /// The e-mail address if it is verified. Only a verified address is disclosed, receives mail, or can be
    /// used to sign in.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_ref().and_then(UserEmail::verified)
    }

    /// The parsed login name.
    ///
    /// # Errors
    /// When the stored text is not a login name.
    pub fn login_name(&self) -> Result<LoginName, Fault> {
        LoginName::parse(&self.login)
            .map_err(|_| Fault::internal("the stored login name of a user is invalid"))
    }

    /// The data about the user that tokens may contain.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { role: self.role, attributes: self.attributes.clone(), email: self.email.clone() }
    }
}

/// The message for an invalid name.
pub const NAME_RULE: &str = "A name has 1 to 128 characters. At least one is visible, and none is a \
                             control character, breaks a line, annotates or changes the direction of \
                             text, or is a tag outside an emoji flag.";

/// Whether `name` can be the display name of a user or a client.
#[must_use]
pub fn is_display_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME && text::is_readable_name(name)
}
