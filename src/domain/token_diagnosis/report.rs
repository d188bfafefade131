//! The report about a token: every check with its answer, and the first failure in a sentence.
//!
//! Owns the conclusion. Quotes from the token are shortened and escaped, because they are untrusted.

use crate::base::Timestamp;

use super::code::{Check, TokenCode};

/// The longest text of a token that is quoted, in characters.
const QUOTED: usize = 120;

/// One check and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The check.
    pub check: Check,
    /// Whether it passed; `None` if an earlier failure makes it impossible to tell.
    pub ok: Option<bool>,
    /// The failure, if it failed.
    pub code: Option<TokenCode>,
    /// A sentence: always for a failure, and for a pass with a note.
    pub detail: Option<String>,
}

impl Checked {
    /// Passed.
    pub(super) const fn passed(check: Check) -> Self {
        Self { check, ok: Some(true), code: None, detail: None }
    }

    /// Passed, possibly with a note.
    pub(super) fn noted(check: Check, notes: &[String]) -> Self {
        let detail = (!notes.is_empty()).then(|| notes.join(" "));
        Self { detail, ..Self::passed(check) }
    }

    /// Failed.
    pub(super) fn failed(check: Check, code: TokenCode, detail: impl Into<String>) -> Self {
        Self { check, ok: Some(false), code: Some(code), detail: Some(detail.into()) }
    }

    /// Unknown.
    pub(super) const fn open(check: Check) -> Self {
        Self { check, ok: None, code: None, detail: None }
    }
}

/// The complete report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether every check passed.
    pub good: bool,
    /// The time it was judged at.
    pub at: Timestamp,
    /// The first failure.
    pub code: Option<TokenCode>,
    /// The conclusion in one or two sentences.
    pub message: String,
    /// The checks in their order.
    pub checks: Vec<Checked>,
}

impl Report {
    /// Builds the report from the results of the checks.
    pub(super) fn of(at: Timestamp, checks: Vec<Checked>) -> Self {
        let good = !checks.is_empty() && checks.iter().all(|check| check.ok == Some(true));
        let first = checks.iter().find(|check| check.ok == Some(false));
        let message = match first.and_then(|check| check.detail.clone()) {
            Some(detail) => detail,
            None if good => format!("The token is valid as of {at}."),
            None => "Whether the token is valid cannot be determined.".to_owned(),
        };
        Self { good, at, code: first.and_then(|check| check.code), message, checks }
    }

    /// The result of one check, if it was made.
    #[cfg(test)]
    #[must_use]
    pub fn of_check(&self, check: Check) -> Option<&Checked> {
        self.checks.iter().find(|checked| checked.check == check)
    }
}

/// Untrusted text of the token, shortened and escaped.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_cut_and_escaped() {
        assert_eq!(quoted("a\u{1b}[2J\n"), r#""a\u{1b}[2J\n""#);
        assert_eq!(quoted(&"é".repeat(121)), format!("\"{}\"…", "é".repeat(120)));
        assert_eq!(quoted(&"é".repeat(120)), format!("\"{}\"", "é".repeat(120)));
    }

    #[test]
    fn a_token_is_valid_if_every_check_passes() {
        let at = Timestamp::from_secs(1);
        let (form, key) = (Checked::passed(Check::Form), Checked::passed(Check::Key));
        assert!(Report::of(at, vec![form.clone(), key]).good);
        let open = Report::of(at, vec![form.clone(), Checked::open(Check::Key)]);
        assert_eq!((open.good, open.code), (false, None));
        let failed = Checked::failed(Check::Key, TokenCode::UnknownKey, "No.");
        let bad = Report::of(at, vec![form, failed]);
        assert_eq!((bad.good, bad.code), (false, Some(TokenCode::UnknownKey)));
        assert_eq!(bad.message, "No.");
        assert!(!Report::of(at, Vec::new()).good);
    }
}
