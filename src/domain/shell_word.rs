//! Arguments of commands that are shown to an operator, quoted for a POSIX shell.

use std::borrow::Cow;

/// The argument, in single quotes if it contains a shell metacharacter.
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

/// A command with an operand and options, such as ` --network 192.0.2.7`. An operand that looks like an option comes
/// last, after `--`.
#[must_use]
pub fn command(verb: &str, operand: &str, options: &str) -> String {
    let word = quoted(operand);
    match operand.starts_with('-') {
        true => format!("{verb}{options} -- {word}"),
        false => format!("{verb} {word}{options}"),
    }
}

/// An option with a value, after a space.
#[must_use]
pub fn option(name: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!(" {name}{separator}{}", quoted(value))
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

    #[test]
    fn operands_and_values_are_never_taken_for_options() {
        assert_eq!(command("signet user show", "ada", ""), "signet user show ada");
        assert_eq!(command("signet user show", "-x", ""), "signet user show -- -x");
        let network = option("--network", "192.0.2.7");
        assert_eq!(command("unlock", "a b", &network), "unlock 'a b' --network 192.0.2.7");
        assert_eq!(command("unlock", "-x", &network), "unlock --network 192.0.2.7 -- -x");
        assert_eq!(option("--user", "$(id)"), " --user '$(id)'");
        assert_eq!(option("--user", "-x"), " --user=-x");
    }
}
