//! `/login/password`: a user whose password must be replaced chooses a new one and continues with the pending request.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::Entry;

use super::login::answered;
use super::page_error::PageResult;
use super::pages::NewPasswordPage;
use super::pending_page::PendingPage;
use super::render::head;
use super::{page_with, policy};

/// The page for a new password during a sign-in.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, _) = PendingPage::of_address(context, params)?;
    pending_page.finish(ask(&pending_page, None)).await
}

/// Handles the new password.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(change(&pending_page, form)).await
}

const PAGE: &str = "/login/password";

async fn change(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    match pending_page.advance(Entry::NewPassword(form.take("new_password"))).await {
        Ok(outcome) => Ok(answered(&pending_page.context, &pending_page.sealed, &outcome)),
        // The page again, if the user can correct the entry.
        Err(problem) => match problem.code() {
            Code::WeakPassword | Code::TooManyAttempts => ask(pending_page, Some(&problem)).await,
            Code::Unavailable => Ok(show(pending_page, None, Some(&problem))),
            _ => Err(pending_page.not_taken(PAGE, &problem).await),
        },
    }
}

async fn ask(pending_page: &PendingPage, problem: Option<&Problem>) -> PageResult {
    let waiting = pending_page.waiting(PAGE).await?;
    Ok(show(pending_page, Some(&waiting.user.login), problem))
}

fn show(
    pending_page: &PendingPage,
    login: Option<&str>,
    problem: Option<&Problem>,
) -> HttpResponse {
    let frame = pending_page.frame();
    let error = problem.map(|problem| frame.refusal(problem));
    let client_name = pending_page.client_name();
    let template = NewPasswordPage {
        frame,
        flow: &pending_page.sealed.text,
        challenge: &pending_page.challenge,
        client_name: client_name.as_deref(),
        login,
        error: error.as_deref(),
        restart: &pending_page.restart(),
    };
    let mut answer = head(problem);
    pending_page.visit.keep(&pending_page.context.app, &mut answer);
    page_with(answer, &template, &policy(true))
}
