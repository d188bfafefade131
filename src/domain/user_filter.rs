//! Filters of users, and the cursor of a list.
//!
//! Owns the meaning of a filter. The store reads the users.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::text_enum;

use super::password::{ARGON2ID, hash_cost};
use super::user::User;

text_enum! {
    /// The class of a stored password.
    pub enum PasswordClass {
        /// A hash that is verified.
        Argon2id = "argon2id",
        /// A hash of another kind, which is not verified.
        Unreadable = "unreadable",
        /// No password.
        None = "none",
    }
}

impl PasswordClass {
    /// The class of a stored hash.
    #[must_use]
    pub fn of(stored: Option<&str>) -> Self {
        match stored.map(hash_cost) {
            None => Self::None,
            Some(Some(cost)) if cost.class == ARGON2ID => Self::Argon2id,
            Some(_) => Self::Unreadable,
        }
    }
}

/// The conditions on a user; `None` matches any.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Words of a query; each is the beginning of a word of the user.
    pub words: Vec<String>,
    /// The key of the login.
    pub login_key: Option<String>,
    /// A role of Signet or of an application.
    pub role: Option<String>,
    /// Whether the user is disabled.
    pub disabled: Option<bool>,
    /// Whether the user is locked out of some network by failed attempts.
    pub locked: Option<bool>,
    /// Whether the user must choose a new password at the next sign-in.
    pub must_change_password: Option<bool>,
    /// The kind of the stored password hash.
    pub password_class: Option<PasswordClass>,
    /// Created at this time or later.
    pub created_since: Option<Timestamp>,
    /// Created before this time.
    pub created_until: Option<Timestamp>,
    /// Last signed in before this time, or never.
    pub last_login_before: Option<Timestamp>,
}

/// A user in a list.
#[derive(Debug, Clone)]
pub struct ListedUser {
    /// The user.
    pub user: User,
    /// The day of the last sign-in, if one was recorded.
    pub last_login_at: Option<Timestamp>,
    /// The kind of the stored password hash.
    pub password_class: PasswordClass,
}

impl UserFilter {
    /// Whether a user matches the filter, apart from words and locks, which are not in the user's row.
    #[must_use]
    pub fn matches(&self, listed: &ListedUser) -> bool {
        let ListedUser { user, last_login_at, password_class } = listed;
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        let has_role = |role: &String| {
            user.role.as_str() == role || user.attributes.roles.iter().any(|own| own == role)
        };
        self.role.as_ref().is_none_or(has_role)
            && is(self.disabled, user.disabled_at.is_some())
            && is(self.must_change_password, user.must_change_password)
            && self.password_class.is_none_or(|wanted| wanted == *password_class)
            && self.created_since.is_none_or(|since| user.created_at >= since)
            && self.created_until.is_none_or(|until| user.created_at < until)
            && self
                .last_login_before
                .is_none_or(|before| last_login_at.is_none_or(|at| at < before))
    }
}

/// The last examined row: a word and a user in a search, a user in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserCursor {
    /// The word; empty in a list.
    pub word: String,
    /// The id of the user.
    pub id: Uuid,
}

impl UserCursor {
    /// The text of the cursor. In a list it has the form of other cursors.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.id.as_bytes(), self.word.as_bytes()].concat())
    }

    /// Parses a cursor from [`UserCursor::encode`]. `None` if it is invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, word) = bytes.split_first_chunk::<16>()?;
        let word = std::str::from_utf8(word).ok().filter(|word| !word.contains('\0'))?;
        Some(Self { word: word.to_owned(), id: Uuid::from_bytes(*id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let id = Uuid::from_u128(7);
        for word in ["", "ada", "größe"] {
            let cursor = UserCursor { word: word.to_owned(), id };
            assert_eq!(UserCursor::parse(&cursor.encode()), Some(cursor));
        }
        for text in ["", "x", "AAAA", "%"] {
            assert_eq!(UserCursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn stored_hashes_have_a_class() {
        let argon = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
        for (stored, class) in [
            (None, PasswordClass::None),
            (Some(argon), PasswordClass::Argon2id),
            (Some("$2b$10$x"), PasswordClass::Unreadable),
            (Some(""), PasswordClass::Unreadable),
        ] {
            assert_eq!(PasswordClass::of(stored), class, "{stored:?}");
        }
    }
}
