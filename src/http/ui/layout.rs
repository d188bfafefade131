//! The frame of every page: its language, its brand and its navigation.
//!
//! Owns the data of `base.html`. A page struct contains a frame and adds its own fields.

use std::borrow::Cow;

use crate::config::Brand;
use crate::domain::base_path::{BasePath, Link};
use crate::domain::outcome::{Code, FieldError};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::i18n::Locale;

/// The language and the brand of a page, and the base of its links.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The language of the texts.
    pub locale: Locale,
    /// The name, the colours, the logo.
    pub brand: &'a Brand,
    /// The prefix of all of the server's own addresses.
    pub base_path: &'a BasePath,
    /// Path and query of the page, if it can be loaded again: the address to return to after a choice of language.
    pub here: Option<&'a str>,
    /// The fewest characters of a new password.
    pub min_password: usize,
}

impl Frame<'_> {
    /// A text without values.
    #[must_use]
    pub fn t(&self, key: &str) -> &'static str {
        self.locale.t(key)
    }

    /// The address of a page or file of the server's own.
    #[must_use]
    pub fn link(&self, path: &str) -> Link {
        self.base_path.link(path)
    }

    /// The rules for a new password.
    #[must_use]
    pub fn password_hint(&self) -> String {
        self.locale.password_hint(self.min_password)
    }

    /// The error text of a field.
    #[must_use]
    pub fn field(&self, error: &FieldError) -> &'static str {
        self.locale.field(error, self.min_password)
    }

    /// The error text of a request: of a field, with the time to wait, or of the request as a whole.
    #[must_use]
    pub fn refusal<'a>(&self, problem: &'a Problem) -> Cow<'a, str> {
        match (problem.fields().first(), problem.retry_after()) {
            (Some(field), _) => self.field(field).into(),
            (None, Some(wait)) if problem.code() == Code::TooManyAttempts => {
                self.locale.wait(wait).into()
            }
            (None, _) => self.refusal_of_request(problem).into(),
        }
    }

    /// The same without fields, for a page that does not show them.
    #[must_use]
    pub fn refusal_of_request<'a>(&self, problem: &'a Problem) -> &'a str {
        self.locale.error((problem.code(), problem.reason()), problem.message())
    }

    /// The frame of a page that shows a secret once: it has no choice of language, because that would lose the
    /// secret.
    #[must_use]
    pub const fn shown_once(self) -> Self {
        Self { here: None, ..self }
    }

    /// The other languages.
    pub fn other_languages(&self) -> impl Iterator<Item = Locale> {
        let lang = self.locale.lang();
        Locale::all().filter(move |other| other.lang() != lang)
    }

    /// A text with one value, which the template escapes.
    #[must_use]
    pub fn with(&self, key: &str, name: &str, value: &str) -> String {
        self.locale.with(key, &[(name, value)])
    }
}

impl Context {
    /// The language and the brand of a page. `ui_locales` is the preference of the application, if any; the user's
    /// own choice on a page takes precedence.
    #[must_use]
    pub fn frame(&self, ui_locales: Option<&str>) -> Frame<'_> {
        let locale = self.locale(ui_locales);
        Frame {
            locale,
            brand: &self.app.config.brand,
            base_path: &self.app.base_path,
            here: self.reloadable(),
            min_password: self.app.config.password_policy.min_length,
        }
    }
}
