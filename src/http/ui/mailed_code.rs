//! `/login/mailed-code`: a user who has to enrol a second factor types the code that was mailed to them first.

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
use super::render::{go_here, head};
use super::under_way::UnderWay;

const PAGE: &str = "/login/mailed-code";

/// The page. Sends nothing: a request in an address that an attacker made must not fill a mailbox.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (under_way, params) = UnderWay::of_address(context, params)?;
    under_way.finish(show(&under_way, params.get("sent").is_some(), None)).await
}

/// The code, or the wish for another mail.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(submit(&under_way, form)).await
}

async fn submit(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let answer = if form.take("decision") == "send" {
        send(under_way).await
    } else {
        check(under_way, form.take("code")).await
    };
    let problem = match answer {
        Ok(answer) => return Ok(answer),
        Err(problem) => problem,
    };
    match problem.code() {
        // The page once more, where the user can correct what was wrong; or the page of another step.
        Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
            show(under_way, false, Some(&problem)).await
        }
        _ => Err(under_way.not_taken(PAGE, &problem).await),
    }
}

async fn check(under_way: &UnderWay, typed: String) -> Result<HttpResponse, Problem> {
    let outcome = under_way.advance(Entry::MailedCode(Secret::new(typed))).await?;
    Ok(answered(&under_way.context, &under_way.sealed, &outcome))
}

/// Sends another code. Always a redirect: loading the next page again sends nothing.
async fn send(under_way: &UnderWay) -> Result<HttpResponse, Problem> {
    let UnderWay { context, visit, sealed, challenge } = under_way;
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let work = browser_step_up::send_code(app, challenge.clone(), visitor, under_way.info());
    context.run(work).await?;
    let query = format!("flow={}&challenge={challenge}&sent=1", sealed.text);
    Ok(go_here(HttpResponse::SeeOther(), &context.link(PAGE).with_query(&query)))
}

async fn show(under_way: &UnderWay, was_sent_again: bool, problem: Option<&Problem>) -> PageResult {
    let waiting = under_way.waiting(PAGE).await?;
    let UnderWay { context, visit, sealed, challenge } = under_way;
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let sent = browser_step_up::has_sent_code(app, challenge.clone(), visitor, context.now());
    let is_sent = context.run(sent).await.map_err(|problem| under_way.failed(&problem))?;
    let frame = under_way.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let client_name = under_way.client_name();
    let template = MailedCodePage {
        frame,
        flow: &sealed.text,
        challenge,
        client_name: client_name.as_deref(),
        login: Some(&waiting.user.login),
        is_sent,
        notice: (is_sent && was_sent_again).then(|| frame.t("mailed_code.again")),
        error: error.as_deref(),
        restart: &under_way.restart(),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    Ok(page(answer, &template))
}
