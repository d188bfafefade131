//! Mistakes in the settings, worded for operators.
//!
//! Owns the form of an error (the setting, the value found, the remedy) and the search for the nearest name.
//! Callers describe secrets and never pass their values.

use std::fmt;

use super::settings::SETTINGS;
use crate::base::nearest_name::nearest_name;

/// A mistake to correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The variable or file.
    pub subject: String,
    /// The value found.
    pub found: String,
    /// The remedy.
    pub advice: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No full stop at the end, because advice often ends with a value to copy.
        write!(f, "{}: {}.\n    {}", self.subject, self.found, self.advice)
    }
}

/// Everything wrong with the configuration; prints one paragraph each.
#[derive(Debug, Clone)]
pub struct ConfigErrors(Vec<Mistake>);

impl ConfigErrors {
    pub(super) const fn new(mistakes: Vec<Mistake>) -> Self {
        Self(mistakes)
    }

    /// The mistakes, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Why a text is not a valid value: completes "found X, which …" and "Type …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The reason, as the rest of a sentence.
    pub because: String,
    /// The remedy, as a sentence without its full stop.
    pub advice: String,
}

impl Wrong {
    pub(super) fn new(because: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { because: because.into(), advice: advice.into() }
    }
}

/// `text` in quotes, on one line, shortened, and without possible passwords or tokens in a URL.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 120;
    let shown = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://[hidden]{}", &text[..scheme], &text[at..])
        }
        _ => text.to_owned(),
    };
    // Some services take a token in the query.
    let shown = match shown.split_once('?') {
        Some((url, _)) if url.starts_with("http") => format!("{url}?[hidden]"),
        _ => shown,
    };
    let mut short: String = shown.chars().take(LONGEST).collect();
    if short.len() < shown.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// The known variable with the smallest edit distance to `name`.
pub(super) fn nearest(name: &str) -> String {
    let files = SETTINGS.iter().filter_map(|setting| setting.file_name());
    let names = SETTINGS.iter().map(|setting| setting.name.to_owned()).chain(files);
    nearest_name(name, names).map(|(name, _)| name).unwrap_or_default()
}
