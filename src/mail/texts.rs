//! The texts of mail: subject, plain text and HTML of each kind, in every language.
//!
//! Owns the templates: notices share one of each form. They contain no text entered by a user, because mail
//! to an unverified address could otherwise deliver an attacker's message.

mod codes;

use askama::Template;

use crate::domain::mail::MailContent;
use crate::domain::outcome::Fault;
use crate::i18n::Locale;

use super::notices::Notice;

/// The context of every mail: its language, the operator's brand name, and the issuer, with which every link
/// begins.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) locale: Locale,
    pub(super) brand: &'a str,
    pub(super) issuer: &'a str,
}

impl Frame<'_> {
    /// A text with `{brand}` and `{issuer}` replaced.
    pub(super) fn t(&self, key: &str) -> String {
        self.with(key, "", "")
    }

    /// A text with one more value.
    pub(super) fn with(&self, key: &str, name: &str, value: &str) -> String {
        let known = [("brand", self.brand), ("issuer", self.issuer), (name, value)];
        self.locale.with(key, &known)
    }
}

/// The parts of a message.
pub(super) struct Texts {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

#[derive(Template)]
#[template(path = "mail/test.txt")]
struct TestText<'a> {
    frame: &'a Frame<'a>,
}

#[derive(Template)]
#[template(path = "mail/test.html")]
struct TestHtml<'a> {
    frame: &'a Frame<'a>,
}

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct NoticeText<'a> {
    frame: &'a Frame<'a>,
    notice: &'a Notice,
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct NoticeHtml<'a> {
    frame: &'a Frame<'a>,
    notice: &'a Notice,
}

/// The texts of a mail.
pub(super) fn render(frame: &Frame<'_>, content: &MailContent) -> Result<Texts, Fault> {
    if let Some(notice) = Notice::of(frame, content) {
        let text = NoticeText { frame, notice: &notice };
        return both(notice.subject.clone(), &text, &NoticeHtml { frame, notice: &notice });
    }
    match codes::of(frame, content) {
        Some(texts) => texts,
        None => both(frame.t("mail.test.subject"), &TestText { frame }, &TestHtml { frame }),
    }
}

fn both(subject: String, text: &impl Template, html: &impl Template) -> Result<Texts, Fault> {
    let failed = |error: askama::Error| Fault::internal("writing a mail").with_source(error);
    let (text, html) = (text.render().map_err(failed)?, html.render().map_err(failed)?);
    // Rendering drops the last line break of a template.
    Ok(Texts { subject, text: format!("{text}\n"), html: format!("{html}\n") })
}

#[cfg(test)]
#[path = "texts_tests.rs"]
mod tests;
