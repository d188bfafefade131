//! `/login/mailed-code`: a user who has to enrol a second factor types the code that was mailed to them first.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::base::Secret;
use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::Entry;
use crate::identity::{browser_login, browser_step_up};

use super::login::answered;
use super::new_password::UnderWay;
use super::pages::MailedCodePage;
use super::render::{self, aim, go_here};
use super::{page, said};

const PAGE: &str = "/login/mailed-code";

/// The page. Sends nothing: a request in an address that an attacker made must not fill a mailbox.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let (under_way, params) = match UnderWay::of_address(context, params) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let was_sent_again = params.get("sent").is_some();
    let answer = show(&under_way, was_sent_again, None, HttpResponse::Ok()).await;
    under_way.finished(answer)
}

/// The code, or the wish for another mail.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) = match UnderWay::of_form(context, form) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let answer = if form.take("decision") == "send" {
        send(&under_way).await
    } else {
        checked(&under_way, form.take("code")).await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(problem) => match problem.code() {
            // The page once more, where the user can correct what was wrong; or the page of another step.
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                show(&under_way, false, Some(&problem), problem.head()).await
            }
            Code::ValidationFailed => match under_way.waiting(PAGE).await {
                Ok(_) => under_way.failed(&problem),
                Err(answer) => *answer,
            },
            _ => under_way.failed(&problem),
        },
    };
    under_way.finished(answer)
}

async fn checked(under_way: &UnderWay, typed: String) -> Result<HttpResponse, Problem> {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let step = (challenge.clone(), Entry::MailedCode(Secret::new(typed)));
    let info = render::sign_in_info(context, flow);
    let work = browser_login::continue_sign_in(app, step, visitor, info);
    Ok(answered(context, flow, sealed, &context.run(work).await?))
}

/// Sends another code. Always a redirect: loading the next page again sends nothing.
async fn send(under_way: &UnderWay) -> Result<HttpResponse, Problem> {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (_, ui_locales) = aim(context, flow);
    let language = context.locale(ui_locales.as_deref()).lang();
    let info = context.request_info().in_language(language);
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    context.run(browser_step_up::send_code(app, challenge.clone(), visitor, info)).await?;
    let query = format!("flow={sealed}&challenge={challenge}&sent=1");
    Ok(go_here(HttpResponse::SeeOther(), &context.link(PAGE).with_query(&query)))
}

async fn show(
    under_way: &UnderWay,
    was_sent_again: bool,
    problem: Option<&Problem>,
    mut answer: HttpResponseBuilder,
) -> HttpResponse {
    let waiting = match under_way.waiting(PAGE).await {
        Ok(waiting) => waiting,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let sent = browser_step_up::has_sent_code(app, challenge.clone(), visitor, context.now());
    let is_sent = match context.run(sent).await {
        Ok(is_sent) => is_sent,
        Err(problem) => return under_way.failed(&problem),
    };
    let (client_name, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => said(frame.locale, problem),
    });
    let template = MailedCodePage {
        frame,
        flow: sealed,
        challenge,
        client_name: client_name.as_deref(),
        login: Some(&waiting.user.login),
        is_sent,
        notice: (is_sent && was_sent_again).then(|| frame.t("mailed_code.again")),
        error: error.as_deref(),
        restart: &render::restart(context, sealed),
    };
    visit.keep(&context.app, &mut answer);
    page(answer, &template)
}
