//! The operator's rules for new passwords, besides the built-in ones.
//!
//! Owns the range of the minimum length, the error messages, and the list of denied passwords. The built-in
//! rules in `password` always apply.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use unicode_normalization::UnicodeNormalization;

use super::login_name::LoginName;
use super::password::{MAX_BYTES, MIN_BYTES, Password, PasswordError, lower_case};

/// The minimum lengths that an operator can choose, in characters. The maximum is short enough for ordinary
/// passphrases.
pub const MIN_LENGTHS: std::ops::RangeInclusive<usize> = MIN_BYTES..=64;

/// The recommended length. With this or a longer minimum, messages recommend nothing.
pub const RECOMMENDED_LENGTH: usize = 15;

/// The most passwords that a list may contain.
pub const MAX_DENIED: usize = 100_000;

/// The message for a short password, for each possible minimum, because a field error needs a static text.
static TOO_SHORT: LazyLock<Vec<String>> = LazyLock::new(|| {
    MIN_LENGTHS
        .map(|least| {
            let better =
                if least < RECOMMENDED_LENGTH { "; 15 or more are recommended" } else { "" };
            format!("Use at least {least} characters{better}.")
        })
        .collect()
});

/// The rules for new passwords.
#[derive(Debug, Clone)]
pub struct PasswordPolicy {
    /// The fewest characters (Unicode scalar values of the normal form) that a new password has.
    pub min_length: usize,
    /// Passwords that are not accepted.
    pub denied: DenyList,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: MIN_BYTES, denied: DenyList::default() }
    }
}

impl PasswordPolicy {
    /// Reads a new password for `login`.
    ///
    /// # Errors
    /// The first [`PasswordError`] that applies: length, then the login name, the common list, the
    /// operator's list.
    pub fn accept(&self, raw: &str, login: &LoginName) -> Result<Password, PasswordError> {
        if Password::for_verification(raw)?.length() < self.min_length_in_force() {
            return Err(PasswordError::TooShort);
        }
        let password = Password::for_storage(raw, login)?;
        if self.denied.contains(&password) {
            return Err(PasswordError::Denied);
        }
        Ok(password)
    }

    /// The minimum in characters; 0 for the built-in one, which counts bytes so that it does not depend on the script.
    fn min_length_in_force(&self) -> usize {
        if self.min_length > MIN_BYTES { self.min_length } else { 0 }
    }

    /// An English sentence about what to change.
    #[must_use]
    pub fn message(&self, error: PasswordError) -> &'static str {
        let at = self.min_length.saturating_sub(*MIN_LENGTHS.start());
        match error {
            PasswordError::TooShort => TOO_SHORT.get(at).map_or(error.message(), String::as_str),
            _ => error.message(),
        }
    }
}

/// Denied passwords, in lower case and normal form.
#[derive(Clone, Default)]
pub struct DenyList(Arc<HashSet<Box<str>>>);

/// Why a text is not a valid list of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenyListError {
    /// It has more than [`MAX_DENIED`] passwords.
    TooMany,
    /// This line is longer than a password can be.
    LongLine(usize),
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DenyList({} passwords)", self.0.len())
    }
}

impl DenyList {
    /// Reads a list with one password on each line. Case does not matter; empty lines are skipped.
    ///
    /// # Errors
    /// [`DenyListError`].
    pub fn parse(text: &str) -> Result<Self, DenyListError> {
        let mut denied = HashSet::new();
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.len() > MAX_BYTES {
                return Err(DenyListError::LongLine(at + 1));
            }
            if line.is_empty() {
                continue;
            }
            let normal: String = line.nfc().collect();
            denied.insert(Box::from(lower_case(&normal).as_str()));
            if denied.len() > MAX_DENIED {
                return Err(DenyListError::TooMany);
            }
        }
        Ok(Self(Arc::new(denied)))
    }

    /// How many passwords it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn contains(&self, password: &Password) -> bool {
        !self.0.is_empty() && self.0.contains(password.in_lower_case().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(policy: &PasswordPolicy, raw: &str) -> Result<(), PasswordError> {
        policy.accept(raw, &LoginName::parse("ada@example.com").unwrap()).map(drop)
    }

    #[test]
    fn the_minimum_counts_characters_of_the_normal_form() {
        let policy = PasswordPolicy { min_length: 12, ..PasswordPolicy::default() };
        assert_eq!(accept(&policy, "correct hors"), Ok(()));
        assert_eq!(accept(&policy, "correct hor"), Err(PasswordError::TooShort));
        // Eleven letters with marks: more than 12 code points as typed, 11 in normal form.
        assert_eq!(accept(&policy, &"e\u{301}".repeat(11)), Err(PasswordError::TooShort));
        assert_eq!(accept(&policy, &"e\u{301}".repeat(12)), Ok(()));
        // The built-in rules apply as well.
        assert_eq!(accept(&policy, "ada@example.com"), Err(PasswordError::IsLogin));
        assert_eq!(accept(&policy, &"x".repeat(1025)), Err(PasswordError::TooLong));
        assert_eq!(accept(&PasswordPolicy::default(), "seven77"), Err(PasswordError::TooShort));
        assert_eq!(accept(&PasswordPolicy::default(), "p\u{e4}ssw\u{f6}r"), Ok(()));
    }

    #[test]
    fn the_refusal_names_the_minimum() {
        for least in MIN_LENGTHS {
            let policy = PasswordPolicy { min_length: least, ..PasswordPolicy::default() };
            let message = policy.message(PasswordError::TooShort);
            assert!(message.contains(&format!("at least {least} characters")), "{message}");
        }
        let default = PasswordPolicy::default();
        for error in PasswordError::ALL {
            assert_eq!(default.message(*error), error.message());
        }
    }

    #[test]
    fn a_list_is_compared_in_lower_case_and_normal_form() {
        let denied =
            DenyList::parse("\u{feff}Acme-Hamburg-1\r\n\n#winter 2026\nCafe\u{301}-Paris").unwrap();
        assert_eq!(denied.count(), 3);
        let policy = PasswordPolicy { denied, ..PasswordPolicy::default() };
        for raw in ["acme-hamburg-1", "ACME-Hamburg-1", "#Winter 2026", "caf\u{e9}-paris"] {
            assert_eq!(accept(&policy, raw), Err(PasswordError::Denied), "{raw}");
        }
        assert_eq!(accept(&policy, "acme-hamburg-12"), Ok(()));
        assert!(!format!("{policy:?}").contains("acme"));
    }

    #[test]
    fn a_list_is_bounded() {
        let long = format!("short\n{}", "x".repeat(1025));
        assert_eq!(DenyList::parse(&long).unwrap_err(), DenyListError::LongLine(2));
        let many: String = (0..=MAX_DENIED).map(|n| format!("{n}\n")).collect();
        assert_eq!(DenyList::parse(&many).unwrap_err(), DenyListError::TooMany);
        assert_eq!(DenyList::parse("").unwrap().count(), 0);
    }
}
