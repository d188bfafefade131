//! `/recover`: a user who cannot sign in asks for a mail, types the code in it and chooses a new password. The request
//! that led to the sign-in waits meanwhile.

use std::borrow::Cow;

use actix_web::HttpResponse;

use crate::app::App;
use crate::base::Secret;
use crate::domain::authn::Method;
use crate::domain::outcome::Code;
use crate::domain::recovery_code::RecoveryCode;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Channel, Entry, IssuedChallenge};
use crate::identity::links::LinkEntry;
use crate::identity::mailed_codes::require_mail;
use crate::identity::recovery::{self, RecoveryOutcome, WaitingRecovery};
use crate::identity::second_factor::{CodeMethod, TypedCode};
use crate::oauth::restart::RestartOptions;

use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{ChoosePasswordPage, RecoverCodePage, RecoverPage};
use super::render::head;
use super::under_way::UnderWay;
use super::{page, page_with, policy};

/// Says on the sign-in page that the password is a new one.
pub(super) const DONE: &str = "recovered";

/// The form for the address.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &RestartOptions::default())?;
    context.check(require_mail(&context.app)).or_error_page(&context)?;
    let under_way = UnderWay::of_address_or_new(context, &params)?;
    let page = async {
        // Another mail is asked for: with the address that was typed, until it is another one.
        let typed = match under_way.challenge.is_empty() {
            true => None,
            false => waiting(&under_way).await.ok().and_then(|waiting| waiting.address),
        };
        Ok(show_form(&under_way, &typed.unwrap_or_default(), None))
    };
    under_way.finish(page).await
}

/// The address.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(request(&under_way, form)).await
}

async fn request(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let email = form.take("email");
    let (app, browser) = app_and_browser(under_way);
    let (typed, info) = (email.clone(), under_way.info());
    let work = async move { recovery::request(app, typed, Channel::Browser(&browser), info).await };
    match under_way.context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => Ok(under_way.to("/recover/code", &challenge)),
        Err(problem) => match problem.code() {
            Code::ValidationFailed | Code::TooManyAttempts | Code::Unavailable => {
                Ok(show_form(under_way, &email, Some(&problem)))
            }
            _ => Err(failed(under_way, &problem)),
        },
    }
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (under_way, _) = UnderWay::of_address(context, params)?;
    let page = async {
        let waiting = waiting(&under_way).await?;
        if is_mailed(&waiting) {
            return Ok(show_code(&under_way, &waiting, None));
        }
        Ok(under_way.to("/recover/password", &under_way.challenge))
    };
    under_way.finish(page).await
}

/// The mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(check_code(&under_way, form)).await
}

async fn check_code(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let entry = Entry::MailedCode(Secret::new(form.take("code")));
    let (app, browser) = app_and_browser(under_way);
    let (step, info) = ((under_way.challenge.clone(), entry), under_way.context.request_info());
    let work = async move { recovery::advance(app, step, Channel::Browser(&browser), info).await };
    match under_way.context.run(work).await {
        Ok(RecoveryOutcome::Pending(next)) => {
            Ok(under_way.to("/recover/password", &next.challenge))
        }
        Ok(RecoveryOutcome::Done) => Ok(under_way.to_login(DONE)),
        Err(problem) => match problem.code() {
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                Ok(show_code(under_way, &waiting(under_way).await?, Some(&problem)))
            }
            _ => Err(failed(under_way, &problem)),
        },
    }
}

/// The form for the new password.
pub async fn get_password(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (under_way, _) = UnderWay::of_address(context, params)?;
    let page = async {
        let waiting = waiting(&under_way).await?;
        if is_mailed(&waiting) {
            return Ok(under_way.to("/recover/code", &under_way.challenge));
        }
        Ok(show_password(&under_way, &waiting, None))
    };
    under_way.finish(page).await
}

/// The new password, with a code of the second factor where the account has one.
pub async fn post_password(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(change_password(&under_way, form)).await
}

async fn change_password(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let (app, browser) = app_and_browser(under_way);
    let (last, info) =
        ((under_way.challenge.clone(), entry(&mut form)), under_way.context.request_info());
    let work = async move { recovery::finish(app, last, Channel::Browser(&browser), info).await };
    match under_way.context.run(work).await {
        Ok(()) => Ok(under_way.to_login(DONE)),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_password(under_way, &waiting(under_way).await?, Some(&problem)))
        }
        Err(problem) => Err(failed(under_way, &problem)),
    }
}

/// What is typed to choose a password: the code may be of an app, or a recovery code.
pub(super) fn entry(form: &mut FormFields) -> LinkEntry {
    let typed = form.take("code");
    let method = if RecoveryCode::parse(&typed).is_some() {
        CodeMethod::RecoveryCode
    } else {
        CodeMethod::Totp
    };
    let code = (!typed.trim().is_empty()).then(|| TypedCode::new(method, typed));
    LinkEntry { new_password: Some(form.take("new_password")), code, account: None }
}

/// Whether the form can be shown again, with what was wrong.
pub(super) fn can_be_corrected(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        Code::WeakPassword
            | Code::MfaFailed
            | Code::MfaRequired
            | Code::ValidationFailed
            | Code::TooManyAttempts
            | Code::Unavailable
    )
}

/// What was wrong with a new password or the code beside it, in the language of the page.
pub(super) fn said<'a>(frame: &super::Frame<'_>, problem: &'a Problem) -> Cow<'a, str> {
    if is_about_code(problem) {
        return frame.t("recover.wrong_factor").into();
    }
    frame.refusal(problem)
}

/// Whether the code of the second factor is what was wrong.
pub(super) fn is_about_code(problem: &Problem) -> bool {
    matches!(problem.code(), Code::MfaFailed | Code::MfaRequired)
}

/// A page that cannot go on. A recovery that is over begins again, for the same request.
fn failed(under_way: &UnderWay, problem: &Problem) -> PageError {
    under_way.failed_or_over(problem, "/recover")
}

fn is_mailed(waiting: &WaitingRecovery) -> bool {
    waiting.step.methods() == [Method::MailedCode]
}

fn app_and_browser(UnderWay { context, visit, .. }: &UnderWay) -> (App, String) {
    (context.app.clone(), visit.visitor.browser.clone())
}

/// The recovery, if it waits for another step; otherwise the page that says why not.
async fn waiting(under_way: &UnderWay) -> Result<WaitingRecovery, PageError> {
    let (app, browser) = app_and_browser(under_way);
    let (challenge, now) = (under_way.challenge.clone(), under_way.context.now());
    let work =
        async move { recovery::waits_for(app, challenge, Channel::Browser(&browser), now).await };
    under_way.context.run(work).await.map_err(|problem| failed(under_way, &problem))
}

fn show_form(under_way: &UnderWay, email: &str, problem: Option<&Problem>) -> HttpResponse {
    let frame = under_way.frame();
    let error = problem.map(|problem| said(&frame, problem));
    let (flow, back) = (&under_way.sealed.text, under_way.with_flow("/login"));
    let mut answer = head(problem);
    under_way.visit.keep(&under_way.context.app, &mut answer);
    page(answer, &RecoverPage { frame, flow, email, error: error.as_deref(), back })
}

fn show_code(
    under_way: &UnderWay,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
) -> HttpResponse {
    let frame = under_way.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let mut answer = head(problem);
    under_way.visit.keep(&under_way.context.app, &mut answer);
    let template = RecoverCodePage {
        frame,
        flow: &under_way.sealed.text,
        challenge: &under_way.challenge,
        address: waiting.address.as_deref(),
        error: error.as_deref(),
        again: under_way.with_challenge("/recover"),
    };
    page(answer, &template)
}

fn show_password(
    under_way: &UnderWay,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
) -> HttpResponse {
    let UnderWay { context, visit, sealed, challenge } = under_way;
    let frame = under_way.frame();
    let error = problem.map(|problem| said(&frame, problem));
    let template = ChoosePasswordPage {
        frame,
        title: frame.t("new_password.title"),
        intro: frame.t("recover.password_intro"),
        action: under_way.with_challenge("/recover/password"),
        hidden: vec![("flow", &sealed.text), ("challenge", challenge)],
        login: waiting.login.as_deref(),
        asks_code: !waiting.step.methods().is_empty(),
        error: error.as_deref(),
        is_code_wrong: problem.is_some_and(is_about_code),
        restart: &under_way.restart(),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    page_with(answer, &template, &policy(true))
}
