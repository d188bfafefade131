//! The texts of mail with codes and links.
//!
//! Links without a code share one pair of templates, with sentences for each kind.

use askama::Template;

use super::{Frame, Texts, both};
use crate::domain::mail::{MailContent, MailedSecrets};
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
#[template(path = "mail/code_alone.txt")]
struct CodeAloneText<'a> {
    frame: &'a Frame<'a>,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "mail/code_alone.html")]
struct CodeAloneHtml<'a> {
    frame: &'a Frame<'a>,
    code: &'a str,
}

/// The keys of the sentences of one kind of mail.
#[derive(Clone, Copy)]
struct Words {
    subject: &'static str,
    text: &'static str,
    life: &'static str,
    ignore: &'static str,
}

/// The texts of a mail with a code or a link; `None` for other kinds of mail.
pub(super) fn of(frame: &Frame<'_>, content: &MailContent) -> Option<Result<Texts, Fault>> {
    let (words, secrets) = match content {
        MailContent::Recovery(secrets) => (RECOVERY, secrets),
        MailContent::PasswordReset(secrets) => (PASSWORD_RESET, secrets),
        MailContent::Invitation(secrets) => (INVITATION, secrets),
        MailContent::EmailConfirmation(secrets) => (EMAIL_CONFIRMATION, secrets),
        MailContent::EmailChangeUndo(secrets) => (EMAIL_CHANGE_UNDO, secrets),
        MailContent::Signup(secrets) => (SIGNUP, secrets),
        MailContent::EnrolmentCode(secrets) => return Some(code_alone(frame, secrets)),
        _ => return None,
    };
    Some(with_code(frame, words, secrets))
}

const RECOVERY: Words = Words {
    subject: "mail.recovery.subject",
    text: "mail.recovery.text",
    life: "mail.code.life",
    ignore: "mail.recovery.ignore",
};

const PASSWORD_RESET: Words = Words {
    subject: "mail.password_reset.subject",
    text: "mail.password_reset.text",
    life: "mail.password_reset.life",
    ignore: "mail.password_reset.ignore",
};

const INVITATION: Words = Words {
    subject: "mail.invitation.subject",
    text: "mail.invitation.text",
    life: "mail.invitation.life",
    ignore: "mail.invitation.ignore",
};

const EMAIL_CHANGE_UNDO: Words = Words {
    subject: "mail.email_change_undo.subject",
    text: "mail.email_change_undo.text",
    life: "mail.email_change_undo.life",
    ignore: "mail.email_change_undo.ignore",
};

const EMAIL_CONFIRMATION: Words = Words {
    subject: "mail.email_confirmation.subject",
    text: "mail.email_confirmation.text",
    life: "mail.code.life",
    ignore: "mail.email_confirmation.ignore",
};

const SIGNUP: Words = Words {
    subject: "mail.signup.subject",
    text: "mail.signup.text",
    life: "mail.code.life",
    ignore: "mail.signup.ignore",
};

/// A mail with a link and, if a flow waits for it, a code. The subject has no code, because previews show it on
/// locked screens.
fn with_code(frame: &Frame<'_>, words: Words, secrets: &MailedSecrets) -> Result<Texts, Fault> {
    let link = format!("{}/link/{}", frame.issuer, secrets.link);
    let (link, code) = (link.as_str(), secrets.code.as_deref());
    let text = CodeText { frame, words, link, code };
    both(frame.t(words.subject), &text, &CodeHtml { frame, words, link, code })
}

/// The mail with the code of an enrolment, which has no link.
fn code_alone(frame: &Frame<'_>, secrets: &MailedSecrets) -> Result<Texts, Fault> {
    let code = secrets.code.as_deref().unwrap_or_default();
    let subject = frame.t("mail.enrolment_code.subject");
    both(subject, &CodeAloneText { frame, code }, &CodeAloneHtml { frame, code })
}
