//! Passwords: which ones are acceptable, and whether a log-in is.
//!
//! Owns the rules for a new password, its normal form, and the one decision that every way to log
//! in ends with. Must not hash, store or compare passwords: `crypto::password` does the first, and
//! tells this module only what it found.

use std::fmt;

use passwords::analyzer::is_common_password;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::failure_reason::{FailureReason, SealedReason};
use super::login_name::LoginName;
use crate::base::Secret;
use crate::text_enum;

/// The fewest bytes a new password may have, both as typed and in normal form.
///
/// Eight is the floor of NIST SP 800-63B. Both forms count: combining marks would otherwise make
/// eight bytes out of three letters, or a shorter password out of what was typed.
pub const MIN_BYTES: usize = 8;

/// The most bytes a password may have, as typed. A bound, because every caller can make us hash; a
/// generous one, because nothing is ever cut off.
pub const MAX_BYTES: usize = 1024;

/// How many times longer a text in UTF-8 can become under NFC (Unicode Annex #15, §12).
const NFC_GROWTH: usize = 3;

text_enum! {
    /// Why a password is not acceptable.
    pub enum PasswordError {
        /// Fewer than [`MIN_BYTES`].
        TooShort = "too_short",
        /// More than [`MAX_BYTES`].
        TooLong = "too_long",
        /// On the list of passwords that are tried first.
        Common = "common_password",
        /// The login itself, or the name in its e-mail address.
        IsLogin = "same_as_login",
        /// On the operator's list.
        Denied = "denied_password",
    }
}

impl PasswordError {
    /// The stable code of this refusal, for answers and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.as_str()
    }

    /// One English sentence that says what to change; it never holds what was typed.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooShort => "Use a password of at least 8 characters; 15 or more are good.",
            Self::TooLong => "A password has at most 1,024 bytes.",
            Self::Common => "This password is among the first that an attacker would try.",
            Self::IsLogin => "The password must not be the login or the name in its address.",
            Self::Denied => {
                "This password is on the list of passwords that this server does not accept. Choose another one."
            }
        }
    }
}

impl std::error::Error for PasswordError {}

/// A password in normal form (NFC), ready to be hashed; wiped from memory when dropped.
///
/// NFC because two keyboards send one `é` in two ways. Not the profile `OpaqueString` (RFC 8265
/// §4.2), which also turns other spaces into U+0020 and refuses control characters: nothing that
/// a password manager can generate is changed or turned down.
#[derive(Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Reads a password that is to be compared with a stored one.
    ///
    /// Only the upper limit is checked: today's rules for new passwords must not lock out users
    /// who has an older one.
    ///
    /// # Errors
    /// [`PasswordError::TooLong`] for more than [`MAX_BYTES`], before any other work.
    pub fn for_verification(raw: &str) -> Result<Self, PasswordError> {
        if raw.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        // Room for the longest outcome at once: a string that grows leaves copies unwiped behind.
        let mut text = String::with_capacity(raw.len() * NFC_GROWTH);
        text.extend(raw.nfc());
        Ok(Self(Secret::new(text)))
    }

    /// Whether both are the same text. For two passwords of one request: a stored one is compared by its hash.
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

    /// Reads a password that `login` is to have from now on, by the built-in rules; those of the operator are
    /// `password_policy`'s.
    ///
    /// There are no rules about kinds of characters: they make passwords worse, not better.
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
        // The list has capitals too, so its entries are looked for in both forms.
        if is_common_password(text) || is_common_password(lower.as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(password)
    }

    /// What to hash: every byte of the normal form. Never pass the result to a log or an error.
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

/// Whether `lower`, a password in lower case, is `login` in some spelling, or the local part of
/// its e-mail address.
fn spells_login(lower: &str, login: &LoginName) -> bool {
    let names = [Some(login.key()), login.local_part()];
    let is_name = |text: &str| names.iter().flatten().any(|name| *name == text);
    is_name(lower)
        // Also wide letters, outer spaces, another form of the domain.
        || LoginName::parse(lower).is_ok_and(|typed| is_name(typed.key()))
}

/// What is known about an account at a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user is not disabled.
    pub enabled: bool,
    /// The user has a password; those who only log in another way have none.
    pub has_password: bool,
    /// The stored hash is of a kind that is verified.
    pub is_readable: bool,
}

/// What the hash worker found. It always hashes, against a decoy where there is no password, so
/// that every refusal takes the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The password gives the stored hash.
    Matches,
    /// It does not.
    Differs,
}

/// What to do with a log-in by password.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub enum Verdict {
    /// The user is who they say.
    Accept {
        /// The stored hash was made with other parameters than today's: hash the password anew.
        rehash: bool,
    },
    /// Say "wrong login or password", whatever the reason. It is for the audit trail.
    Refuse(SealedReason),
}

/// Decides a log-in by password; `outdated` says that the stored hash has old parameters.
///
/// There is one refusal, and its reason is sealed: unknown user, wrong password, disabled user and user
/// without a password must not be told apart by any answer, so nothing but the audit trail learns which.
pub const fn decide(account: Option<Account>, check: Check, outdated: bool) -> Verdict {
    let reason = match (account, check) {
        (None, _) => FailureReason::NoSuchUser,
        (Some(Account { enabled: false, .. }), _) => FailureReason::Disabled,
        // A match without a password is the decoy's: an attacker guessed what it was made from.
        (Some(Account { has_password: false, .. }), _) => FailureReason::NoPassword,
        (Some(_), Check::Matches) => return Verdict::Accept { rehash: outdated },
        (Some(Account { is_readable: false, .. }), Check::Differs) => FailureReason::HashUnreadable,
        (Some(_), Check::Differs) => FailureReason::WrongPassword,
    };
    Verdict::Refuse(SealedReason::new(reason))
}

/// What a stored hash costs to verify, as its text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashCost<'a> {
    /// The kind of hash.
    pub class: &'a str,
    /// Its parameters.
    pub cost: &'a str,
}

/// The class of the hashes that are made here.
pub const ARGON2ID: &str = "argon2id";

/// The cost of a hash in its stored form, a PHC string. None where it is not one that is verified.
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
