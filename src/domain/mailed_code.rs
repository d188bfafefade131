//! Codes and links that are mailed to users: their purposes, lifetimes and form.
//!
//! A code has eight digits, shown in two groups. `identity::mailed_codes` stores and checks it.

use crate::base::{Entropy, TimeSpan};
use crate::text_enum;

use super::text;

/// The number of digits of a code.
pub const DIGITS: usize = 8;
/// How many wrong attempts make a code invalid (OWASP ASVS 6.6.3).
pub const TRIES: i64 = 5;

/// The number of possible codes.
const CODES: u64 = 100_000_000;

/// The longest text that is read as a code, in bytes.
const MAX_TYPED: usize = 32;

text_enum! {
    /// The purpose of a mailed code or link. It works for no other.
    pub enum CodePurpose {
        /// Verifies the address of an account.
        Verify = "verify",
        /// Lets the owner of a verified address choose a new password.
        Recover = "recover",
        /// The same, requested by an administrator: a link without a code.
        Reset = "reset",
        /// Verifies the address of a new account.
        Signup = "signup",
        /// Verifies a new address of an account that has another one.
        Change = "change",
        /// Lets an invited user choose the first password: a link without a code.
        Invite = "invite",
        /// Undoes a change of the address: a link without a code, to the previous address.
        Undo = "undo",
        /// Proves, in the sign-in for which it was sent, that the owner of the address enrols a second factor. Its
        /// link has no effect.
        Enrol = "enrol",
    }
}

impl CodePurpose {
    /// How long a code or link is valid: ten minutes if the user has just requested it (OWASP ASVS 6.5.5).
    #[must_use]
    pub const fn life(self) -> TimeSpan {
        match self {
            Self::Verify | Self::Recover | Self::Signup | Self::Change | Self::Enrol => {
                TimeSpan::from_mins(10)
            }
            Self::Reset => TimeSpan::from_days(1),
            Self::Invite => TimeSpan::from_days(7),
            Self::Undo => TimeSpan::from_days(3),
        }
    }
}

/// The digits of a code.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedCode([u8; DIGITS]);

impl MailedCode {
    /// A random code, uniformly distributed.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        // Values beyond the last whole multiple would make some codes more likely.
        let unbiased = u64::MAX - u64::MAX % CODES;
        loop {
            let mut bytes = [0; 8];
            entropy.fill(&mut bytes);
            let number = u64::from_be_bytes(bytes);
            if number < unbiased {
                return Self::of(number % CODES);
            }
        }
    }

    fn of(number: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self(digits)
    }

    /// The code that a user typed. Blanks and dashes are skipped.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > MAX_TYPED {
            return None;
        }
        let is_separator = |c: &char| c.is_whitespace() || matches!(c, '-' | '\u{2013}');
        let mut digits = [0; DIGITS];
        let mut count = 0;
        for c in typed.chars().filter(|c| !is_separator(c)) {
            let digit = u8::try_from(c).ok().filter(u8::is_ascii_digit)?;
            *digits.get_mut(count)? = digit;
            count += 1;
        }
        (count == DIGITS).then_some(Self(digits))
    }

    /// The digits, for the MAC.
    #[must_use]
    pub const fn digits(&self) -> &[u8; DIGITS] {
        &self.0
    }

    /// The code as a user reads it: `1234 5678`.
    #[must_use]
    pub fn text(&self) -> String {
        let digits: String = self.0.iter().copied().map(char::from).collect();
        text::in_groups(&digits, DIGITS / 2, ' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_in_two_groups_and_read_with_and_without_them() {
        for (number, text) in
            [(0, "0000 0000"), (12_345_678, "1234 5678"), (99_999_999, "9999 9999")]
        {
            let code = MailedCode::of(number);
            assert_eq!(code.text(), text);
            for typed in [text.to_owned(), text.replace(' ', ""), text.replace(' ', "-")] {
                let read = MailedCode::parse(&typed).map(|code| code.text());
                assert_eq!(read.as_deref(), Some(text), "{typed}");
            }
        }
        let read = MailedCode::parse("\u{a0}12 34\u{2013}56 78\n").map(|code| code.text());
        assert_eq!(read.as_deref(), Some("1234 5678"));
    }

    #[test]
    fn other_texts_are_no_code() {
        for bad in ["", "1234567", "123456789", "1234567a", "\u{661}2345678", "1234_5678"] {
            assert!(MailedCode::parse(bad).is_none(), "{bad}");
        }
        assert!(MailedCode::parse(&" ".repeat(1_000)).is_none());
    }

    #[test]
    fn numbers_that_would_favour_some_codes_are_not_used() {
        struct Numbers(std::sync::Mutex<Vec<u64>>);
        impl Entropy for Numbers {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.0.lock().unwrap().pop().unwrap().to_be_bytes());
            }
        }
        let entropy = Numbers(std::sync::Mutex::new(vec![CODES + 7, u64::MAX]));
        assert_eq!(MailedCode::generate(&entropy).text(), "0000 0007");
    }

    #[test]
    fn only_links_without_a_code_live_for_days() {
        for purpose in CodePurpose::ALL {
            let is_link =
                matches!(purpose, CodePurpose::Invite | CodePurpose::Undo | CodePurpose::Reset);
            assert_eq!(purpose.life() > TimeSpan::from_mins(10), is_link, "{purpose}");
        }
    }
}
