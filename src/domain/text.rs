//! The characters of texts that are stored or displayed.
//!
//! Owns the check for U+0000, which PostgreSQL cannot store, and for characters that make a name unreadable or
//! deceptive.

use unicode_security::skeleton;

/// Whether PostgreSQL can store the text, which excludes U+0000. The rule applies to SQLite as well, so that data
/// can move between the two.
#[must_use]
pub fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether the character changes the direction of the text around it (the Unicode property
/// `Bidi_Control`).
#[must_use]
pub const fn is_bidi_control(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether the character is invisible: control, white space, default ignorable, or a blank that Unicode classifies
/// as a letter or symbol.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // A skeleton omits exactly the default ignorable characters (UTS #39 §4), so the table of the crate is
    // used, which follows Unicode.
    let ignorable = |c: char| skeleton(c.encode_utf8(&mut [0; 4])).next().is_none();
    const BLANKS: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];
    c.is_control()
        || c.is_whitespace()
        || BLANKS.contains(&c)
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (!c.is_ascii() && ignorable(c))
}

/// Whether the character breaks a line or a paragraph without being a control character, or annotates the
/// text between two others (interlinear annotation).
const fn breaks_text(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether the text is readable as a name: part of it is visible, and nothing changes its direction, breaks its
/// line, controls a terminal, or hides a message in tag characters.
#[must_use]
pub fn is_readable_name(text: &str) -> bool {
    text.chars().any(|c| !is_invisible(c))
        && !text.chars().any(|c| c.is_control() || is_bidi_control(c) || breaks_text(c))
        && has_tags_in_flags_only(text)
}

/// `text` in groups of `size` characters, for reading and typing.
#[must_use]
pub fn in_groups(text: &str, size: usize, separator: char) -> String {
    let mut grouped = String::with_capacity(text.len() + text.len() / size);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % size == 0 {
            grouped.push(separator);
        }
        grouped.push(c);
    }
    grouped
}

/// The black flag that begins the flag of a subdivision.
const BLACK_FLAG: char = '\u{1f3f4}';
/// The tag that ends it.
const CANCEL_TAG: char = '\u{e007f}';

/// Whether every tag character belongs to the flag of a subdivision, such as Scotland's: a black flag,
/// three to six tag letters or digits, and a cancel tag (UTS #51 §1.4.9, ED-14a).
fn has_tags_in_flags_only(text: &str) -> bool {
    let is_tag = |c: char| matches!(c, '\u{e0000}'..='\u{e007f}');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_tag(c) {
            return false;
        }
        if c != BLACK_FLAG || !chars.peek().copied().is_some_and(is_tag) {
            continue;
        }
        let mut letters = 0;
        loop {
            match chars.next() {
                Some('\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}') => letters += 1,
                Some(CANCEL_TAG) if (3..=6).contains(&letters) => break,
                _ => return false,
            }
        }
    }
    true
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
