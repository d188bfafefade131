//! The texts of mail: subject, plain text and HTML of each kind, in every language.
//!
//! Owns one template of each form for each kind. No text of a user is in them: mail to an address that is
//! not verified would carry what a stranger wrote.

mod codes;

use askama::Template;

use crate::base::Timestamp;
use crate::domain::mail::MailContent;
use crate::domain::outcome::Fault;
use crate::i18n::Locale;

/// What every mail shows: its language, the name of the operator's brand and the issuer, with which every
/// link begins.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) locale: Locale,
    pub(super) brand: &'a str,
    pub(super) issuer: &'a str,
}

impl Frame<'_> {
    /// A text, in which `{brand}` and `{issuer}` are known.
    fn t(&self, key: &str) -> String {
        self.with(key, "", "")
    }

    /// A text with one more value.
    fn with(&self, key: &str, name: &str, value: &str) -> String {
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
#[template(path = "mail/password_changed.txt")]
struct PasswordChangedText<'a> {
    frame: &'a Frame<'a>,
    when: &'a str,
}

#[derive(Template)]
#[template(path = "mail/password_changed.html")]
struct PasswordChangedHtml<'a> {
    frame: &'a Frame<'a>,
    when: &'a str,
}

/// The texts of a mail.
pub(super) fn render(frame: &Frame<'_>, content: &MailContent) -> Result<Texts, Fault> {
    match content {
        MailContent::Test => {
            both(frame.t("mail.test.subject"), &TestText { frame }, &TestHtml { frame })
        }
        MailContent::PasswordChanged { at } => {
            let when = to_the_minute(*at);
            let when = when.as_str();
            let subject = frame.t("mail.password_changed.subject");
            let text = PasswordChangedText { frame, when };
            both(subject, &text, &PasswordChangedHtml { frame, when })
        }
        MailContent::Recovery(secrets) => codes::recovery(frame, secrets),
        MailContent::PasswordReset(secrets) => codes::password_reset(frame, secrets),
        MailContent::Invitation(secrets) => codes::invitation(frame, secrets),
        MailContent::RecoveryUsed { at } => codes::recovery_used(frame, *at),
    }
}

fn both(subject: String, text: &impl Template, html: &impl Template) -> Result<Texts, Fault> {
    let failed = |error: askama::Error| Fault::internal("writing a mail").with_source(error);
    let (text, html) = (text.render().map_err(failed)?, html.render().map_err(failed)?);
    // The last line break of a template is not part of what it renders.
    Ok(Texts { subject, text: format!("{text}\n"), html: format!("{html}\n") })
}

/// A time as people read it in every language: `2026-11-27 13:45 UTC`.
fn to_the_minute(at: Timestamp) -> String {
    let text = at.rfc3339();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", time.get(..5).unwrap_or_default())
}

#[cfg(test)]
#[path = "texts_tests.rs"]
mod tests;
