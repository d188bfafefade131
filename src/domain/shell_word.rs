//! Words of commands that are shown to an operator, as a POSIX shell reads them back.

use std::borrow::Cow;

/// The word, in single quotes unless no character of it means anything to a shell.
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted_word) in [
            ("orders:read", "orders:read"),
            ("$(reboot)", "'$(reboot)'"),
            ("a'b", "'a'\\''b'"),
            ("a;b", "'a;b'"),
            ("a&b", "'a&b'"),
            ("`b`", "'`b`'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), quoted_word);
        }
    }
}
