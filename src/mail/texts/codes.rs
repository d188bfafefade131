//! The texts of mail with codes and links, and of the notice that a link was used.
//!
//! Owns one pair of templates for links without a code, of which each kind has its own sentences.

use askama::Template;

use super::{Frame, Texts, both, to_the_minute};
use crate::base::Timestamp;
use crate::domain::mail::MailedSecrets;
use crate::domain::outcome::Fault;

#[derive(Template)]
#[template(path = "mail/code.txt")]
struct CodeText<'a> {
    frame: &'a Frame<'a>,
    words: Words,
    link: &'a str,
    code: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/code.html")]
struct CodeHtml<'a> {
    frame: &'a Frame<'a>,
    words: Words,
    link: &'a str,
    code: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/recovery_used.txt")]
struct RecoveryUsedText<'a> {
    frame: &'a Frame<'a>,
    when: &'a str,
}

#[derive(Template)]
#[template(path = "mail/recovery_used.html")]
struct RecoveryUsedHtml<'a> {
    frame: &'a Frame<'a>,
    when: &'a str,
}

/// The keys of the sentences of one kind of mail.
#[derive(Clone, Copy)]
pub(super) struct Words {
    subject: &'static str,
    text: &'static str,
    life: &'static str,
    ignore: &'static str,
}

pub(super) fn recovery(frame: &Frame<'_>, secrets: &MailedSecrets) -> Result<Texts, Fault> {
    let words = Words {
        subject: "mail.recovery.subject",
        text: "mail.recovery.text",
        life: "mail.code.life",
        ignore: "mail.recovery.ignore",
    };
    with_code(frame, words, secrets)
}

pub(super) fn password_reset(frame: &Frame<'_>, secrets: &MailedSecrets) -> Result<Texts, Fault> {
    let words = Words {
        subject: "mail.password_reset.subject",
        text: "mail.password_reset.text",
        life: "mail.password_reset.life",
        ignore: "mail.password_reset.ignore",
    };
    with_code(frame, words, secrets)
}

pub(super) fn invitation(frame: &Frame<'_>, secrets: &MailedSecrets) -> Result<Texts, Fault> {
    let words = Words {
        subject: "mail.invitation.subject",
        text: "mail.invitation.text",
        life: "mail.invitation.life",
        ignore: "mail.invitation.ignore",
    };
    with_code(frame, words, secrets)
}

pub(super) fn recovery_used(frame: &Frame<'_>, at: Timestamp) -> Result<Texts, Fault> {
    let when = to_the_minute(at);
    let when = when.as_str();
    let subject = frame.t("mail.recovery_used.subject");
    let text = RecoveryUsedText { frame, when };
    both(subject, &text, &RecoveryUsedHtml { frame, when })
}

/// A mail with a link and, where a flow waits for it, a code. No code is in the subject: previews show that on
/// locked screens.
pub(super) fn with_code(
    frame: &Frame<'_>,
    words: Words,
    secrets: &MailedSecrets,
) -> Result<Texts, Fault> {
    let link = format!("{}/link/{}", frame.issuer, secrets.link);
    let (link, code) = (link.as_str(), secrets.code.as_deref());
    let text = CodeText { frame, words, link, code };
    both(frame.t(words.subject), &text, &CodeHtml { frame, words, link, code })
}
