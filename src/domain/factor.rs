//! Second factors that an account has: their kinds and names.
//!
//! Owns the user-visible data of a factor. Factors are checked in `totp` and `recovery_code`; `authn` decides when
//! one is required.

use crate::base::Timestamp;
use crate::base::id::FactorId;
use crate::text_enum;

use super::text;

/// The longest name of a factor, in characters.
pub const MAX_NAME: usize = 64;

/// The message for an invalid name.
pub const NAME_RULE: &str = "A name has 1 to 64 characters. At least one is visible, and none is a control \
                             character, changes the direction of text, or is a tag outside an emoji flag.";

text_enum! {
    /// The kind of a second factor.
    pub enum FactorKind {
        /// A secret in an authenticator app (RFC 6238).
        Totp = "totp",
        /// A WebAuthn credential.
        Passkey = "passkey",
    }
}

/// A second factor, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Its id.
    pub id: FactorId,
    /// Its kind.
    pub kind: FactorKind,
    /// The name that its user gave it.
    pub name: String,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Whether `name` can be the name of a factor.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME && text::is_readable_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_and_not_too_long() {
        assert!(is_name("Phone") && is_name(&"x".repeat(MAX_NAME)));
        for bad in ["", " ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
