//! Safe text for a terminal.
//!
//! Names, user agents and the contents of tokens are untrusted. A terminal executes control characters, reorders
//! text after a direction control, and hides zero-width characters.

use std::borrow::Cow;

use super::text::{is_bidi_control, is_invisible};

/// Whether a terminal would interpret the character instead of displaying it.
fn steers(c: char) -> bool {
    // The common case: printable ASCII.
    if matches!(c, ' '..='~') {
        return false;
    }
    let blank = c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    is_bidi_control(c) || (is_invisible(c) && !blank)
}

/// `text` on one line: every such character as `\u{…}`, line breaks and tabs as `\n` and `\t`.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, steers, |c, out| out.extend(c.escape_default()))
}

/// The same, but line breaks and tabs are kept.
#[must_use]
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    let steers = |c| !matches!(c, '\n' | '\t') && steers(c);
    escape(text, steers, |c, out| out.extend(c.escape_default()))
}

/// A coloured log text. Its escape sequences come from the log library, which has escaped all others.
#[must_use]
pub fn escaped_log(text: &str) -> Cow<'_, str> {
    let steers = |c| !matches!(c, '\n' | '\t' | '\u{1b}') && steers(c);
    escape(text, steers, |c, out| out.extend(c.escape_default()))
}

/// The same JSON value, with such characters as JSON escapes. Outside of strings, JSON contains at most line breaks.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let steers = |c| c != '\n' && steers(c);
    escape(json, steers, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn escape(
    text: &str,
    steers: impl Fn(char) -> bool,
    write: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.chars().any(&steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            write(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn control_characters_are_escaped_for_the_terminal() {
        assert_eq!(escaped("a\u{1b}[2J\u{9b}\n\t\u{7f}"), "a\\u{1b}[2J\\u{9b}\\n\\t\\u{7f}");
        for hidden in [
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{202e}',
            '\u{2066}',
            '\u{61c}',
            '\u{feff}',
            '\u{ad}',
            '\u{2060}',
            '\u{2028}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{fff9}',
            '\u{3164}',
        ] {
            let text = format!("a{hidden}b");
            assert_eq!(escaped(&text), format!("a{}b", hidden.escape_default()));
        }
        for shown in ["plain", "\u{e4}\u{4e2d}\u{639}", "a\u{3000}b", "\u{1f600}"] {
            assert_eq!(escaped(shown), shown);
        }
        assert_eq!(escaped_lines("a\n\tb\r\u{202e}"), "a\n\tb\\r\\u{202e}");
        assert_eq!(escaped_log("\u{1b}[2mx\u{1b}[0m\u{202e}\n"), "\u{1b}[2mx\u{1b}[0m\\u{202e}\n");
    }

    proptest! {
        #[test]
        fn escaped_json_is_the_same_value(text in any::<String>()) {
            let value = json!({ text.clone(): [text.clone(), "\u{202e}\u{e0041}\u{9b}"] });
            let shown = format!("{value:#}");
            let shown = escaped_json(&shown);
            prop_assert!(!shown.chars().any(|c| c != '\n' && steers(c)));
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }
    }
}
