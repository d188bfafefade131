//! `/login/mailed-code`: a user who has to enrol a second factor first enters a mailed code.

use actix_web::HttpResponse;

use crate::base::Secret;
use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::Entry;
use crate::identity::browser_step_up;

use super::login::answered;
use super::page;
use super::page_error::PageResult;
use super::pages::MailedCodePage;
use super::pending_page::PendingPage;
use super::render::{go_here, head};

const PAGE: &str = "/login/mailed-code";

/// The page. Sends no mail: an address made by an attacker must not fill a mailbox.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, params) = PendingPage::of_address(context, params)?;
    pending_page.finish(show(&pending_page, params.get("sent").is_some(), None)).await
}

/// Handles the code, or the request for another mail.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(submit(&pending_page, form)).await
}

async fn submit(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let answer = if form.take("decision") == "send" {
        send(pending_page).await
    } else {
        check(pending_page, form.take("code")).await
    };
    let problem = match answer {
        Ok(answer) => return Ok(answer),
        Err(problem) => problem,
    };
    match problem.code() {
        // The page again, if the user can correct the entry; or the page of another step.
        Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
            show(pending_page, false, Some(&problem)).await
        }
        _ => Err(pending_page.not_taken(PAGE, &problem).await),
    }
}

async fn check(pending_page: &PendingPage, typed: String) -> Result<HttpResponse, Problem> {
    let outcome = pending_page.advance(Entry::MailedCode(Secret::new(typed))).await?;
    Ok(answered(&pending_page.context, &pending_page.sealed, &outcome))
}

/// Sends another code. Always a redirect, so that reloading the next page sends nothing.
async fn send(pending_page: &PendingPage) -> Result<HttpResponse, Problem> {
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let work = browser_step_up::send_code(app, challenge.clone(), cookies, pending_page.info());
    context.run(work).await?;
    let query = format!("flow={}&challenge={challenge}&sent=1", sealed.text);
    Ok(go_here(HttpResponse::SeeOther(), &context.link(PAGE).with_query(&query)))
}

async fn show(
    pending_page: &PendingPage,
    was_sent_again: bool,
    problem: Option<&Problem>,
) -> PageResult {
    let waiting = pending_page.waiting(PAGE).await?;
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let sent = browser_step_up::has_sent_code(app, challenge.clone(), cookies, context.now());
    let is_sent = context.run(sent).await.map_err(|problem| pending_page.failed(&problem))?;
    let frame = pending_page.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let client_name = pending_page.client_name();
    let template = MailedCodePage {
        frame,
        flow: &sealed.text,
        challenge,
        client_name: client_name.as_deref(),
        login: Some(&waiting.user.login),
        is_sent,
        notice: (is_sent && was_sent_again).then(|| frame.t("mailed_code.again")),
        error: error.as_deref(),
        restart: &pending_page.restart(),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    Ok(page(answer, &template))
}
