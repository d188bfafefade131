//! Recovery codes: each replaces a lost second factor once.
//!
//! Owns their number and their text form: 80 bits in Crockford's base32, in groups of four. Parsing ignores case,
//! blanks and dashes, and accepts letters that look like digits.

use zeroize::Zeroizing;

use crate::base::Entropy;

/// How many codes a user gets at a time.
pub const CODES: usize = 10;
/// The length of a code in bytes.
pub const CODE_BYTES: usize = 10;

const LETTERS: usize = CODE_BYTES * 8 / 5;
/// Crockford's base32: without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A recovery code. Never stored: the database has its MAC.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; CODE_BYTES]>);

impl RecoveryCode {
    /// A new code.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; CODE_BYTES]);
        entropy.fill(&mut *bytes);
        Self(bytes)
    }

    /// The code that a user typed.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let mut bits = 0_u128;
        let mut letters = 0;
        for c in typed.chars().filter(|c| !(c.is_whitespace() || *c == '-')) {
            bits = bits << 5 | u128::from(value(c)?);
            letters += 1;
        }
        let bytes = (bits << (128 - CODE_BYTES * 8)).to_be_bytes();
        (letters == LETTERS).then(|| {
            let mut code = Zeroizing::new([0; CODE_BYTES]);
            code.copy_from_slice(&bytes[..CODE_BYTES]);
            Self(code)
        })
    }

    /// The bytes, for the MAC.
    #[must_use]
    pub fn bytes(&self) -> &[u8; CODE_BYTES] {
        &self.0
    }

    /// The code as a user reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let bits = self.0.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let letter = |at| char::from(ALPHABET[(bits >> (at * 5) & 31) as usize]);
        let letters: String = (0..LETTERS).rev().map(letter).collect();
        super::text::in_groups(&letters, 4, '-')
    }
}

/// The value of one letter, in either case.
fn value(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|known| char::from(*known) == c)?;
    u8::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(bytes: [u8; CODE_BYTES]) -> RecoveryCode {
        RecoveryCode(Zeroizing::new(bytes))
    }

    #[test]
    fn a_code_has_four_groups_of_four() {
        assert_eq!(code([0; CODE_BYTES]).text(), "0000-0000-0000-0000");
        assert_eq!(code([0xff; CODE_BYTES]).text(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(code([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).text(), "0000-0000-0000-0001");
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        let expected = RecoveryCode::parse("0011-1000-0000-0000").map(|code| code.text());
        assert_eq!(expected.as_deref(), Some("0011-1000-0000-0000"));
        assert_eq!(RecoveryCode::parse("oOiL l0000000 0000").map(|code| code.text()), expected);
        for bad in [
            "",
            "0000-0000-0000-000",
            "0000-0000-0000-00000",
            "U000-0000-0000-0000",
            "0000_0000-0000-0000",
        ] {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad}");
        }
        assert!(RecoveryCode::parse(&"-".repeat(1_000)).is_none());
    }

    proptest! {
        #[test]
        fn a_code_is_read_as_it_was_shown(bytes: [u8; CODE_BYTES], lower: bool, dashes: bool) {
            let mut typed = code(bytes).text();
            if lower { typed.make_ascii_lowercase(); }
            if !dashes { typed.retain(|c| c != '-'); }
            prop_assert_eq!(RecoveryCode::parse(&typed).map(|code| *code.bytes()), Some(bytes));
        }

        #[test]
        fn reading_never_panics_and_reads_only_what_it_would_show(typed in "\\PC{0,70}") {
            if let Some(code) = RecoveryCode::parse(&typed) {
                prop_assert_eq!(RecoveryCode::parse(&code.text()).map(|again| *again.bytes()), Some(*code.bytes()));
            }
        }
    }
}
