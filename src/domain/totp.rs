//! Time-based one-time passwords (RFC 6238): the parameters, the accepted time steps, and the transfer of a
//! secret to an authenticator app.
//!
//! Owns the numbers and the text forms. `crypto::totp` computes and compares codes.

use super::path_spelling::percent_encoded;
use crate::base::{TimeSpan, Timestamp};

/// The length of a secret in bytes (RFC 4226 §4, R6).
pub const SECRET_BYTES: usize = 20;
/// The length of a code. Authenticator apps ignore any other length in the URI.
pub const DIGITS: usize = 6;
/// How long one code is shown (RFC 6238 §5.2).
pub const STEP: TimeSpan = TimeSpan::from_secs(30);
/// How many TOTP secrets an account may have. For each, three codes are valid at a time.
pub const MAX_SECRETS: i64 = 3;
/// How long an enrolment may take.
pub const SETUP_LIFE: TimeSpan = TimeSpan::from_mins(10);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The digits of a code.
pub type Code = [u8; DIGITS];

/// The number of a time step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeStep(i64);

impl TimeStep {
    /// The step that `at` is in.
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self(at.secs().div_euclid(STEP.secs()))
    }

    /// A stored number.
    #[cfg(any(test, feature = "test-support"))]
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The steps whose codes are accepted at `now`: the clock of the device may be one step behind or ahead, and a
    /// code may be typed just after its time (RFC 6238 §5.2).
    #[must_use]
    pub const fn accepted(now: Timestamp) -> [Self; 3] {
        let Self(current) = Self::at(now);
        [Self(current - 1), Self(current), Self(current + 1)]
    }
}

/// The code that a user typed. Apps show it in two groups, so blanks are skipped.
#[must_use]
pub fn parse_code(typed: &str) -> Option<Code> {
    if typed.len() > 32 {
        return None;
    }
    let digits: Vec<u8> =
        typed.chars().filter(|c| !c.is_whitespace()).map(digit).collect::<Option<_>>()?;
    digits.try_into().ok()
}

fn digit(c: char) -> Option<u8> {
    c.is_ascii_digit().then_some(c as u8)
}

/// A secret in base32 without padding (RFC 4648 §6), as authenticator apps read it.
#[must_use]
pub fn base32(secret: &[u8; SECRET_BYTES]) -> String {
    let mut text = String::with_capacity(SECRET_BYTES * 8 / 5);
    // 40 bits are eight letters, and a secret is four times 40 bits.
    for group in secret.as_chunks::<5>().0 {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in (0..8).rev() {
            text.push(char::from(BASE32[(bits >> (letter * 5) & 31) as usize]));
        }
    }
    text
}

/// A secret in base32, in groups of four for typing.
#[must_use]
pub fn grouped(base32: &str) -> String {
    super::text::in_groups(base32, 4, ' ')
}

/// The URI with which an authenticator app imports a secret. Algorithm, digits and period are the defaults and left
/// out, because several apps refuse or misread them.
#[must_use]
pub fn otpauth_uri(issuer: &str, login: &str, base32: &str) -> String {
    // The colon separates issuer and account in the label. Apps display `+` unchanged, so a space is encoded as `%20`.
    let issuer = percent_encoded(&issuer.replace(':', " "));
    format!("otpauth://totp/{issuer}:{}?secret={base32}&issuer={issuer}", percent_encoded(login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_accepted_one_step_early_and_one_step_late() {
        let at = |secs| Timestamp::from_secs(secs);
        let numbers = |now| TimeStep::accepted(now).map(TimeStep::number);
        assert_eq!(numbers(at(59)), [0, 1, 2]);
        assert_eq!(numbers(at(60)), [1, 2, 3]);
        assert_eq!(numbers(at(-1)), [-2, -1, 0], "a clock before 1970 does not panic");
    }

    #[test]
    fn a_code_is_six_ascii_digits_with_any_blanks() {
        for typed in ["123456", "123 456", " 123\u{a0}456 ", "1 2 3 4 5 6"] {
            assert_eq!(parse_code(typed), Some(*b"123456"), "{typed:?}");
        }
        for bad in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", &" ".repeat(100)] {
            assert_eq!(parse_code(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_secret_is_spelt_as_rfc_4648_has_it() {
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(&[0xff; SECRET_BYTES]), "7".repeat(32));
        assert_eq!(grouped("GEZDGNBVGY"), "GEZD GNBV GY");
    }

    #[test]
    fn the_uri_has_no_plus_and_one_colon_in_its_label() {
        assert_eq!(
            otpauth_uri("Acme: Gärten", "ada+1@example.org", "GEZD"),
            "otpauth://totp/Acme%20%20G%C3%A4rten:ada%2B1%40example.org?secret=GEZD&issuer=Acme%20%20G%C3%A4rten"
        );
    }
}
