//! Translations: the texts of the pages in every language.
//!
//! Owns the choice of the language and the substitution of values. The texts are in `locales/`; a new
//! language is a file there and a line in `OTHERS`. Nothing here escapes: templates do.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::LazyLock;

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::{Code, FieldError};
use crate::domain::password::PasswordError;
use crate::domain::password_policy::{MIN_LENGTHS, RECOMMENDED_LENGTH};
use crate::domain::refusal_reason::Reason;

/// The default language, which has every text.
const ENGLISH: (&str, &str) = ("en", include_str!("../../locales/en.json"));

/// The others: the BCP 47 tag and the file.
const OTHERS: &[(&str, &str)] = &[("de", include_str!("../../locales/de.json"))];

/// The cookie that contains the tag of the language that the user chose.
pub const COOKIE: &str = "signet_lang";

struct Language {
    tag: &'static str,
    texts: HashMap<String, String>,
}

struct Languages {
    english: Language,
    others: Vec<Language>,
}

static LANGUAGES: LazyLock<Languages> = LazyLock::new(|| Languages {
    english: Language::read(&ENGLISH),
    others: OTHERS.iter().map(Language::read).collect(),
});

/// The refusal of a short password, by language and minimum length.
static TOO_SHORT: LazyLock<HashMap<(&'static str, usize), String>> = LazyLock::new(|| {
    let lengths = |locale: Locale| MIN_LENGTHS.map(move |least| (locale, least));
    let text = |(locale, least): (Locale, usize)| {
        ((locale.lang(), least), locale.of_length("error.password.too_short", least))
    };
    Locale::all().flat_map(lengths).map(text).collect()
});

impl Language {
    /// A malformed file would leave a language without texts; a test reads each file.
    fn read((tag, json): &(&'static str, &'static str)) -> Self {
        Self { tag, texts: serde_json::from_str(json).unwrap_or_default() }
    }
}

/// The texts of one language.
#[derive(Clone, Copy)]
pub struct Locale(&'static Language);

impl fmt::Debug for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locale({})", self.lang())
    }
}

impl Locale {
    /// English.
    #[must_use]
    pub fn english() -> Self {
        Self(&LANGUAGES.english)
    }

    /// Every language, English first.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::english()).chain(LANGUAGES.others.iter().map(Locale))
    }

    /// The language of a page: the user's choice on a page (`cookie`), else the preference of the application
    /// (`ui_locales`, tags separated by spaces, OpenID Connect Core §3.1.2.1), else that of the browser
    /// (`Accept-Language`, RFC 9110 §12.5.4), else English.
    #[must_use]
    pub fn choose(
        ui_locales: Option<&str>,
        cookie: Option<&str>,
        accept_language: Option<&str>,
    ) -> Self {
        let asked = || ui_locales.and_then(|tags| tags.split_ascii_whitespace().find_map(lookup));
        cookie
            .and_then(lookup)
            .or_else(asked)
            .or_else(|| accept_language.and_then(preferred))
            .unwrap_or_else(Self::english)
    }

    /// The tag of the language, for the `lang` of the page.
    #[must_use]
    pub const fn lang(self) -> &'static str {
        self.0.tag
    }

    /// The language with this tag.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::all().find(|locale| locale.lang() == tag)
    }

    /// The name of the language, in that language.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.t("language.name")
    }

    /// A text without placeholders. A missing text falls back to English; a test checks that every key exists.
    #[must_use]
    pub fn t(self, key: &str) -> &'static str {
        self.find(key).or_else(|| Self::english().find(key)).unwrap_or_default()
    }

    /// A text with `{name}` replaced by each value. Values are never searched for names.
    #[must_use]
    pub fn with(self, key: &str, values: &[(&str, &str)]) -> String {
        let mut rest = self.t(key);
        let mut text = String::with_capacity(rest.len() + 32);
        while let Some((before, name, after)) = placeholder(rest) {
            text.push_str(before);
            let value = values.iter().find(|(known, _)| *known == name);
            text.push_str(value.map_or("", |(_, value)| value));
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// The texts whose keys begin with `prefix`.
    #[must_use]
    pub fn texts_of(self, prefix: &str) -> BTreeMap<&'static str, &'static str> {
        let keys = Self::english().0.texts.keys().map(String::as_str);
        keys.filter(|key| key.starts_with(prefix)).map(|key| (key, self.t(key))).collect()
    }

    /// A text that may not exist.
    #[must_use]
    pub fn find(self, key: &str) -> Option<&'static str> {
        self.0.texts.get(key).map(String::as_str)
    }

    /// The text of a refusal: that of the reason, else that of the code, else `message`, which is English.
    #[must_use]
    pub fn error(self, (code, reason): (Code, Option<Reason>), message: &str) -> &str {
        reason
            .and_then(|reason| self.find(&format!("refusal.{reason}")))
            .or_else(|| self.find(&format!("error.{code}")))
            .unwrap_or(message)
    }

    /// The rules for a new password with a minimum of `least` characters.
    #[must_use]
    pub fn password_hint(self, least: usize) -> String {
        self.of_length("password.hint", least)
    }

    /// The text `key`, or its `_long` form for a minimum that is already the recommended length.
    fn of_length(self, key: &str, least: usize) -> String {
        let values = [("n", &*least.to_string())];
        if least < RECOMMENDED_LENGTH {
            return self.with(key, &values);
        }
        self.with(&format!("{key}_long"), &values)
    }

    /// The message that there were too many attempts, with the time to wait in minutes or hours.
    #[must_use]
    pub fn wait(self, span: TimeSpan) -> String {
        let minutes = span.retry_after().saturating_add(59) / 60;
        let (key, n) = match minutes {
            i64::MIN..=1 => return self.t("time.wait.minute").to_owned(),
            2..=120 => ("time.wait.minutes", minutes),
            _ => ("time.wait.hours", minutes.saturating_add(59) / 60),
        };
        self.with(key, &[("n", &n.to_string())])
    }

    /// The message for an invalid field; a new password has at least `least` characters. Password rules are the
    /// same for every field.
    #[must_use]
    pub fn field(self, error: &FieldError, least: usize) -> &'static str {
        let FieldError { field, code, message } = error;
        let rules_of = if *field == "new_password" { "password" } else { field };
        if (rules_of, *code) == ("password", PasswordError::TooShort.code()) {
            return TOO_SHORT.get(&(self.lang(), least)).map_or(message, String::as_str);
        }
        self.find(&format!("error.{rules_of}.{code}"))
            .or_else(|| self.find(&format!("error.{code}")))
            .unwrap_or(message)
    }

    /// A past time relative to now, in the largest whole unit. A time in the future is shown as now, because
    /// clocks differ.
    #[must_use]
    pub fn ago(self, then: Timestamp, now: Timestamp) -> String {
        let passed = TimeSpan::from_millis(now.millis().saturating_sub(then.millis()));
        let minutes = passed.secs() / 60;
        let (key, one, n) = match minutes {
            i64::MIN..=0 => return self.t("time.now").to_owned(),
            1..60 => ("time.minutes", "time.minutes.one", minutes),
            60..1440 => ("time.hours", "time.hours.one", minutes / 60),
            _ => ("time.days", "time.days.one", minutes / 1440),
        };
        match n {
            1 => self.t(one).to_owned(),
            _ => self.with(key, &[("n", &n.to_string())]),
        }
    }

    /// A future time relative to now, in the largest whole unit. A time in the past is shown as now, because
    /// clocks differ.
    #[must_use]
    pub fn until(self, then: Timestamp, now: Timestamp) -> String {
        let left = TimeSpan::from_millis(then.millis().saturating_sub(now.millis()));
        let minutes = left.secs() / 60;
        let (key, one, n) = match minutes {
            i64::MIN..=0 => return self.t("time.now_due").to_owned(),
            1..60 => ("time.in_minutes", "time.in_minutes.one", minutes),
            60..1440 => ("time.in_hours", "time.in_hours.one", minutes / 60),
            _ => ("time.in_days", "time.in_days.one", minutes / 1440),
        };
        match n {
            1 => self.t(one).to_owned(),
            _ => self.with(key, &[("n", &n.to_string())]),
        }
    }

    /// A point in time to the minute, for a sentence in this language, in UTC because the reader's time zone is
    /// unknown.
    #[must_use]
    pub fn date_time(self, at: Timestamp) -> String {
        let text = at.rfc3339();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let month =
            part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
        let values = [
            ("day", part(8, 10).trim_start_matches('0')),
            ("month", month.map_or("", |key| self.t(key))),
            ("year", part(0, 4)),
            ("time", part(11, 16)),
        ];
        self.with("time.date_time", &values)
    }
}

/// The names of the months.
const MONTHS: [&str; 12] = [
    "time.january",
    "time.february",
    "time.march",
    "time.april",
    "time.may",
    "time.june",
    "time.july",
    "time.august",
    "time.september",
    "time.october",
    "time.november",
    "time.december",
];

/// Splits a text at its first `{name}`.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The language a tag names, with or without its script and region (RFC 4647 §3.4).
fn lookup(tag: &str) -> Option<Locale> {
    let mut range = tag;
    loop {
        if let Some(locale) = Locale::all().find(|locale| locale.lang().eq_ignore_ascii_case(range))
        {
            return Some(locale);
        }
        range = range.rsplit_once('-')?.0;
    }
}

/// The best of the languages that a browser accepts. Equal weights keep their order; `*` is English.
fn preferred(accept_language: &str) -> Option<Locale> {
    let weighed = |item: &'_ str| {
        let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        let tag = tag.trim();
        let locale = if tag == "*" { Some(Locale::english()) } else { lookup(tag) };
        locale.filter(|_| weight > 0.0 && weight <= 1.0).map(|locale| (weight, locale))
    };
    let mut best: Option<(f32, Locale)> = None;
    for (weight, locale) in accept_language.split(',').filter_map(weighed) {
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

#[cfg(test)]
mod tests;
