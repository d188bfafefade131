//! The HTML pages, which work without scripts and under a strict policy.
//!
//! Owns the templates and their headers, texts and styles. A page is a struct and a template; use cases make the
//! decisions.

pub mod account;
pub mod api_keys;
pub mod assets;
pub mod authorize;
mod client_card;
pub mod consent;
pub mod console;
mod csp;
pub mod device;
pub mod email;
mod email_link;
pub mod enrol;
#[cfg(feature = "test-support")]
mod gallery;
pub mod history;
pub mod home;
pub mod inspect;
pub mod language;
mod layout;
pub mod link;
pub mod login;
pub mod logout;
pub mod mailed_code;
pub mod new_password;
pub mod own_data;
pub mod own_login;
pub mod page_error;
pub mod pages;
pub mod passkeys;
mod pending_page;
mod qr;
pub mod recovery;
mod render;
pub mod security;
pub mod setup;
pub mod signup;
mod signup_account;
pub mod verify;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

use super::context::Context;
use super::error::Problem;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::oauth::restart::RestartOptions;

pub use crate::i18n::Locale;
#[cfg(feature = "test-support")]
use csp::policy_pending_page;
pub use csp::{OwnAccount, open_to_application, own_account, policy};
#[cfg(feature = "test-support")]
pub use gallery::{Sample, gallery};
pub use layout::Frame;
pub use render::reloaded;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame<'a>,
    title: &'a str,
    text: &'a str,
    request_id: &'a str,
    restart: Option<&'a RestartOptions>,
    ways: Option<SignedInLinks>,
}

/// The links for a signed-in user on a page of the console that is forbidden or does not exist.
struct SignedInLinks {
    /// Whether the console is open to the user; otherwise their account is.
    to_console: bool,
    /// The value of the hidden field `csrf` of the form that signs out.
    csrf: String,
}

/// Renders a template into a response whose forms stay at this origin and which runs no script.
pub fn page(answer: HttpResponseBuilder, template: &impl Template) -> HttpResponse {
    page_with(answer, template, &policy(false))
}

/// The same under another policy, from [`policy`].
pub fn page_with(
    mut answer: HttpResponseBuilder,
    template: &impl Template,
    policy: &str,
) -> HttpResponse {
    match template.render() {
        Ok(html) => answer
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .content_type("text/html; charset=utf-8")
            .body(html),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// A problem as a page, in the user's language, with a link to the start page. Contains no part of the request.
pub fn error_page(context: &Context, problem: &Problem) -> HttpResponse {
    error(context, problem, None)
}

/// The same with a text of the page where it occurred, and the links for a signed-in user.
fn error_page_for(
    context: &Context,
    problem: &Problem,
    text: &str,
    ways: SignedInLinks,
) -> HttpResponse {
    let frame = context.frame(None).shown_once();
    let (title, request_id) = (frame.t(title_of(problem)), problem.request_id());
    page(
        problem.head(),
        &ErrorPage { frame, title, text, request_id, restart: None, ways: Some(ways) },
    )
}

/// The refusal of an account form that belongs to another sign-in or to none.
fn stale_form(context: &Context) -> HttpResponse {
    let refusal = Refusal::because(Code::Forbidden, Reason::StaleForm);
    flow_error_page(context, &context.problem(refusal.into()), &RestartOptions::default())
}

/// A problem during a pending request, with links to restart; if none is known, with a link to the user's account.
pub fn flow_error_page(
    context: &Context,
    problem: &Problem,
    restart: &RestartOptions,
) -> HttpResponse {
    error(context, problem, Some(restart))
}

fn error(context: &Context, problem: &Problem, restart: Option<&RestartOptions>) -> HttpResponse {
    let ui_locales = restart.and_then(|restart| restart.ui_locales.as_deref());
    // Choosing a language would repeat the request, which may itself be the cause.
    let frame = context.frame(ui_locales).shown_once();
    // This page does not show fields.
    let text = match problem.fields() {
        [] => frame.refusal(problem),
        _ => frame.refusal_of_request(problem).into(),
    };
    let (title, request_id) = (frame.t(title_of(problem)), problem.request_id());
    page(problem.head(), &ErrorPage { frame, title, text: &text, request_id, restart, ways: None })
}

/// The key of the heading of an error page.
fn title_of(problem: &Problem) -> &'static str {
    match problem.code() {
        Code::NotFound | Code::UriTooLong => "failure.not_found",
        Code::MethodNotAllowed => "failure.form_only",
        Code::LinkInvalid | Code::SetupLinkInvalid => "failure.link",
        Code::TooManyAttempts => "failure.limit",
        Code::ChallengeInvalid | Code::SessionExpired => "failure.expired",
        Code::Forbidden if problem.reason() == Some(Reason::StaleRequest) => "failure.expired",
        Code::Internal => "failure.internal",
        Code::Unavailable => "failure.unavailable",
        _ => "failure.title",
    }
}
