//! The pages of mailed links about an e-mail address: confirming one, and undoing a change.
//!
//! Owns their texts. `link` checks that the form came from this page, and redeems the link.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::base_path::Link;
use crate::domain::mailed_code::CodePurpose;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::identity::links::LinkView;

use super::page;
use super::pages::{EmailLinkDonePage, EmailLinkPage};

/// The page with the button.
pub(super) fn ask(
    context: &Context,
    view: &LinkView,
    (action, csrf): (Link, &str),
    problem: Option<&Problem>,
    answer: HttpResponseBuilder,
) -> HttpResponse {
    let frame = context.frame(None);
    let address = view.address.as_deref().unwrap_or_default();
    let (title, text, button) = if view.purpose == CodePurpose::Undo {
        let text = frame.with("link.undo_text", "email", address);
        (frame.t("link.undo_title"), text, frame.t("link.undo_button"))
    } else {
        let text = frame.with("link.confirm_text", "email", address);
        (frame.t("link.confirm_title"), text, frame.t("link.confirm_button"))
    };
    let error = problem.map(|problem| frame.refusal(problem));
    let error = error.as_deref();
    page(answer, &EmailLinkPage { frame, title, text, error, button, action, csrf })
}

/// The page after the form.
pub(super) fn done(context: &Context, view: &LinkView) -> HttpResponse {
    let frame = context.frame(None).shown_once();
    let address = view.address.as_deref().unwrap_or_default();
    let template = if view.purpose == CodePurpose::Undo {
        EmailLinkDonePage {
            frame,
            title: frame.t("link.undone_title"),
            text: frame.with("link.undone_text", "email", address),
            next: context.link("/recover"),
            next_text: frame.t("link.to_recovery"),
        }
    } else {
        EmailLinkDonePage {
            frame,
            title: frame.t("link.confirmed_title"),
            text: frame.with("link.confirmed_text", "email", address),
            next: context.link("/account"),
            next_text: frame.t("link.to_account"),
        }
    };
    page(HttpResponse::Ok(), &template)
}
