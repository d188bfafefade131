//! Samples of the page for the e-mail address.

use super::{Sample, World, sample};
use crate::domain::outcome::{Code, FieldError};
use crate::domain::refusal_reason::Reason;
use crate::http::ui::pages::{Done, EmailLinkDonePage, EmailLinkPage, EmailPage};
use crate::http::ui::{Frame, policy};

/// The page of the account.
pub(super) fn of_account(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let page = |address, is_verified, pending| EmailPage {
        frame,
        csrf: world.typed,
        notice: None,
        address,
        is_verified,
        pending,
        has_mail: true,
        is_fresh: true,
        typed: "",
        address_error: None,
        code_error: None,
    };
    let (login, new) = (Some(world.login), Some("ada.lovelace@example.org"));
    let field = |field, code| Some(frame.field(&FieldError { field, code, message: "" }));
    let sent =
        EmailPage { notice: Some(Done::EmailSent.text(frame.locale)), ..page(login, true, new) };
    let wrong =
        EmailPage { code_error: Some(frame.t("email.code_wrong")), ..page(login, true, new) };
    let refused = EmailPage {
        typed: world.typed,
        address_error: field("email", "email_invalid"),
        ..page(login, true, None)
    };
    let ask = EmailLinkPage {
        frame,
        title: frame.t("link.undo_title"),
        text: frame.with("link.undo_text", "email", world.login),
        error: Some(frame.locale.error((Code::Forbidden, Some(Reason::ForeignForm)), "")),
        button: frame.t("link.undo_button"),
        action: frame.link("/link/TOKEN"),
        csrf: world.typed,
    };
    let asked = EmailLinkDonePage {
        frame,
        title: frame.t("link.undone_title"),
        text: frame.with("link.undone_text", "email", world.login),
        next: frame.link("/recover"),
        next_text: frame.t("link.to_recovery"),
    };
    let policy = || policy(false);
    Ok(vec![
        sample("email", &page(login, true, None), policy())?,
        sample("email-none", &page(None, false, None), policy())?,
        sample("email-unverified", &page(login, false, None), policy())?,
        sample("email-sent", &sent, policy())?,
        sample("email-code-refused", &wrong, policy())?,
        sample("email-refused", &refused, policy())?,
        sample("email-link", &ask, policy())?,
        sample("email-link-done", &asked, policy())?,
        sample("email-stale", &EmailPage { is_fresh: false, ..page(login, true, new) }, policy())?,
        sample(
            "email-no-mail",
            &EmailPage { has_mail: false, ..page(login, true, None) },
            policy(),
        )?,
    ])
}
