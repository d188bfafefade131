//! Passwords: the rules for new ones, and the decision about a log-in.
//!
//! Owns the rules for a new password, its normal form, and the decision of every log-in by password. Hashing and
//! comparing is in `crypto::password`.

use std::fmt;

use passwords::analyzer::is_common_password;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::failure_reason::{FailureReason, SealedReason};
use super::login_name::LoginName;
use crate::base::Secret;
use crate::text_enum;

/// The minimum length of a new password in bytes, both as typed and in normal form.
///
/// Eight is the floor of NIST SP 800-63B. Both forms count, because normalisation can lengthen or shorten the text.
pub const MIN_BYTES: usize = 8;

/// The maximum length of a password in bytes, as typed. Every caller can cause a hash, so there is a bound; it is
/// generous, because passwords are never truncated.
pub const MAX_BYTES: usize = 1024;

/// The greatest growth of a text in UTF-8 under NFC (Unicode Annex #15, §12).
const NFC_GROWTH: usize = 3;

text_enum! {
    /// Why a password is not acceptable.
    pub enum PasswordError {
        /// Fewer than [`MIN_BYTES`].
        TooShort = "too_short",
        /// More than [`MAX_BYTES`].
        TooLong = "too_long",
        /// On the built-in list of common passwords.
        Common = "common_password",
        /// The login itself, or the name in its e-mail address.
        IsLogin = "same_as_login",
        /// On the operator's list.
        Denied = "denied_password",
    }
}

impl PasswordError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.as_str()
    }

    /// The error message: how to change the password. It never quotes the password.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooShort => "Use at least 8 characters; 15 or more are recommended.",
            Self::TooLong => "A password has at most 1,024 bytes.",
            Self::Common => {
                "This is one of the passwords that attackers try first. Choose another one."
            }
            Self::IsLogin => "The password must not be the login, or the name part of its address.",
            Self::Denied => {
                "This password is on the list of passwords that this server does not accept. Choose another one."
            }
        }
    }
}

impl std::error::Error for PasswordError {}

/// A password in normal form (NFC), ready to be hashed; wiped from memory when dropped.
///
/// NFC because keyboards send `é` in two ways. Not the profile `OpaqueString` (RFC 8265 §4.2), which also maps
/// other spaces to U+0020 and refuses control characters: passwords from a password manager are neither changed nor
/// refused.
#[derive(Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Reads a password that is to be compared with a stored one.
    ///
    /// Only the upper limit is checked: the current rules for new passwords must not lock out users with older ones.
    ///
    /// # Errors
    /// [`PasswordError::TooLong`] for more than [`MAX_BYTES`], before any other work.
    pub fn for_verification(raw: &str) -> Result<Self, PasswordError> {
        if raw.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        // The full capacity at once, because a growing string would leave copies that are not wiped.
        let mut text = String::with_capacity(raw.len() * NFC_GROWTH);
        text.extend(raw.nfc());
        Ok(Self(Secret::new(text)))
    }

    /// Whether both are equal. Only for two passwords of one request; a stored one is compared by its hash.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }

    /// How many characters (Unicode scalar values) it has.
    pub(super) fn length(&self) -> usize {
        self.0.expose().chars().count()
    }

    /// The text in lower case, in memory that is wiped.
    pub(super) fn in_lower_case(&self) -> Zeroizing<String> {
        lower_case(self.0.expose())
    }

    /// Parses a new password for `login` by the built-in rules; those of the operator are in `password_policy`.
    ///
    /// There are no rules about kinds of characters, because they make passwords worse.
    ///
    /// # Errors
    /// The first [`PasswordError`] that applies: length, then the login, then the common list.
    pub fn for_storage(raw: &str, login: &LoginName) -> Result<Self, PasswordError> {
        let password = Self::for_verification(raw)?;
        let text = password.0.expose();
        if raw.len() < MIN_BYTES || text.len() < MIN_BYTES {
            return Err(PasswordError::TooShort);
        }
        let lower = lower_case(text);
        if spells_login(&lower, login) {
            return Err(PasswordError::IsLogin);
        }
        // The list has capitals too, so both forms are looked up.
        if is_common_password(text) || is_common_password(lower.as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(password)
    }

    /// The bytes to hash: the normal form. Never pass the result to a log or an error.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([..])")
    }
}

/// `text` in lower case, in memory that is wiped.
pub(super) fn lower_case(text: &str) -> Zeroizing<String> {
    // No character grows more than threefold in lower case either.
    let mut lower = Zeroizing::new(String::with_capacity(text.len() * NFC_GROWTH));
    lower.extend(text.chars().flat_map(char::to_lowercase));
    lower
}

/// Whether `lower`, a password in lower case, is a spelling of `login` or of the local part of its e-mail address.
fn spells_login(lower: &str, login: &LoginName) -> bool {
    let names = [Some(login.key()), login.local_part()];
    let is_name = |text: &str| names.iter().flatten().any(|name| *name == text);
    is_name(lower)
        // Covers wide letters, outer spaces and other forms of the domain.
        || LoginName::parse(lower).is_ok_and(|typed| is_name(typed.key()))
}

/// The state of an account at a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Whether the user is enabled.
    pub enabled: bool,
    /// Whether the user has a password.
    pub has_password: bool,
    /// Whether the stored hash is of a supported kind.
    pub is_readable: bool,
}

/// The result of the hash worker. It always hashes, with a decoy if there is no password, so that every refusal
/// takes the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The password matches the stored hash.
    Matches,
    /// It does not.
    Differs,
}

/// The decision about a log-in by password.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub enum Verdict {
    /// The password is right.
    Accept {
        /// The stored hash has outdated parameters: hash the password again.
        rehash: bool,
    },
    /// Respond "wrong login or password", whatever the reason. The reason is for the audit trail.
    Refuse(SealedReason),
}

/// Decides about a log-in by password; `outdated` if the stored hash has old parameters.
///
/// There is one refusal with a sealed reason: no response may distinguish an unknown user, a wrong password,
/// a disabled user and a user without a password. Only the audit trail records which.
pub const fn decide(account: Option<Account>, check: Check, outdated: bool) -> Verdict {
    let reason = match (account, check) {
        (None, _) => FailureReason::NoSuchUser,
        (Some(Account { enabled: false, .. }), _) => FailureReason::Disabled,
        // Without a password, the decoy hash matched.
        (Some(Account { has_password: false, .. }), _) => FailureReason::NoPassword,
        (Some(_), Check::Matches) => return Verdict::Accept { rehash: outdated },
        (Some(Account { is_readable: false, .. }), Check::Differs) => FailureReason::HashUnreadable,
        (Some(_), Check::Differs) => FailureReason::WrongPassword,
    };
    Verdict::Refuse(SealedReason::new(reason))
}

/// The cost of verifying a stored hash, as its text declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashCost<'a> {
    /// The kind of hash.
    pub class: &'a str,
    /// Its parameters.
    pub cost: &'a str,
}

/// The class of new hashes.
pub const ARGON2ID: &str = "argon2id";

/// The cost of a stored hash, a PHC string. `None` if its kind is not supported.
#[must_use]
pub fn hash_cost(stored: &str) -> Option<HashCost<'_>> {
    let mut parts = stored.strip_prefix('$')?.split('$');
    let (class, version, cost) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next()?;
    (class == ARGON2ID && version == "v=19").then_some(HashCost { class, cost })
}

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
