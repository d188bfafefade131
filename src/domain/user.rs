//! Users: who can log in.
//!
//! Owns what a user is. Passwords are in `password`, log-in names in `login`.

use crate::base::Timestamp;
use crate::base::id::UserId;

use super::attributes::{Attributes, Subject};

pub use super::attributes::Role;

/// The longest display name, in characters.
pub const MAX_NAME: usize = 128;

/// A user, without anything secret.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id, `sub` in tokens; never used again, not even for the same login.
    pub id: UserId,
    /// The login as typed when it was made.
    pub login: String,
    /// The name to show, if the user gave one.
    pub name: Option<String>,
    /// What the user may do at Signet itself.
    pub role: Role,
    /// What the organisation says about the user, for the tokens of APIs that ask.
    pub attributes: Attributes,
    /// Since when the user is disabled, if so.
    pub disabled_at: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When anything about the user last changed.
    pub updated_at: Timestamp,
    /// Rises whenever everything the user has must end.
    pub session_epoch: i64,
}

impl std::fmt::Debug for User {
    // Without login and name: either may be personal, and debug output ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish()
    }
}

impl User {
    /// What tokens may say about the user.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { role: self.role, attributes: self.attributes.clone() }
    }
}

/// Whether `name` can be shown safely as a display name.
#[must_use]
pub fn is_display_name(name: &str) -> bool {
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !name.trim().is_empty()
        && name.chars().count() <= MAX_NAME
        && !name.chars().any(|c| c.is_control() || bidi(c))
}
