//! `/recover`: a user who cannot sign in requests a mail, enters its code and chooses a new password. The request
//! that required the sign-in stays pending meanwhile.

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
use super::pending_page::PendingPage;
use super::render::head;
use super::{page, page_with, policy};

/// The notice on the sign-in page that the password was changed.
pub(super) const DONE: &str = "recovered";

/// The form for the address.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &RestartOptions::default())?;
    context.check(require_mail(&context.app)).or_error_page(&context)?;
    let pending_page = PendingPage::of_address_or_new(context, &params)?;
    let page = async {
        // Another mail is requested: the form begins with the previous address.
        let typed = match pending_page.challenge.is_empty() {
            true => None,
            false => waiting(&pending_page).await.ok().and_then(|waiting| waiting.address),
        };
        Ok(show_form(&pending_page, &typed.unwrap_or_default(), None))
    };
    pending_page.finish(page).await
}

/// Handles the address.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(request(&pending_page, form)).await
}

async fn request(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let email = form.take("email");
    let (app, browser) = app_and_browser(pending_page);
    let (typed, info) = (email.clone(), pending_page.info());
    let work = async move { recovery::request(app, typed, Channel::Browser(&browser), info).await };
    match pending_page.context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => Ok(pending_page.to("/recover/code", &challenge)),
        Err(problem) => match problem.code() {
            Code::ValidationFailed | Code::TooManyAttempts | Code::Unavailable => {
                Ok(show_form(pending_page, &email, Some(&problem)))
            }
            _ => Err(failed(pending_page, &problem)),
        },
    }
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, _) = PendingPage::of_address(context, params)?;
    let page = async {
        let waiting = waiting(&pending_page).await?;
        if is_mailed(&waiting) {
            return Ok(show_code(&pending_page, &waiting, None));
        }
        Ok(pending_page.to("/recover/password", &pending_page.challenge))
    };
    pending_page.finish(page).await
}

/// Handles the mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(check_code(&pending_page, form)).await
}

async fn check_code(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let entry = Entry::MailedCode(Secret::new(form.take("code")));
    let (app, browser) = app_and_browser(pending_page);
    let (step, info) =
        ((pending_page.challenge.clone(), entry), pending_page.context.request_info());
    let work = async move { recovery::advance(app, step, Channel::Browser(&browser), info).await };
    match pending_page.context.run(work).await {
        Ok(RecoveryOutcome::Pending(next)) => {
            Ok(pending_page.to("/recover/password", &next.challenge))
        }
        Ok(RecoveryOutcome::Done) => Ok(pending_page.to_login(DONE)),
        Err(problem) => match problem.code() {
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                Ok(show_code(pending_page, &waiting(pending_page).await?, Some(&problem)))
            }
            _ => Err(failed(pending_page, &problem)),
        },
    }
}

/// The form for the new password.
pub async fn get_password(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, _) = PendingPage::of_address(context, params)?;
    let page = async {
        let waiting = waiting(&pending_page).await?;
        if is_mailed(&waiting) {
            return Ok(pending_page.to("/recover/code", &pending_page.challenge));
        }
        Ok(show_password(&pending_page, &waiting, None))
    };
    pending_page.finish(page).await
}

/// Handles the new password, with a code of the second factor if the account has one.
pub async fn post_password(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(change_password(&pending_page, form)).await
}

async fn change_password(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let (app, browser) = app_and_browser(pending_page);
    let (last, info) =
        ((pending_page.challenge.clone(), entry(&mut form)), pending_page.context.request_info());
    let work = async move { recovery::finish(app, last, Channel::Browser(&browser), info).await };
    match pending_page.context.run(work).await {
        Ok(()) => Ok(pending_page.to_login(DONE)),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_password(pending_page, &waiting(pending_page).await?, Some(&problem)))
        }
        Err(problem) => Err(failed(pending_page, &problem)),
    }
}

/// The entries for a new password. The code may come from an app, or be a recovery code.
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

/// Whether the form can be shown again, with the error.
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

/// The error of a new password or of the code beside it, in the language of the page.
pub(super) fn said<'a>(frame: &super::Frame<'_>, problem: &'a Problem) -> Cow<'a, str> {
    if is_about_code(problem) {
        return frame.t("recover.wrong_factor").into();
    }
    frame.refusal(problem)
}

/// Whether the error concerns the code of the second factor.
pub(super) fn is_about_code(problem: &Problem) -> bool {
    matches!(problem.code(), Code::MfaFailed | Code::MfaRequired)
}

/// The response of a page that cannot continue. An expired recovery restarts, for the same request.
fn failed(pending_page: &PendingPage, problem: &Problem) -> PageError {
    pending_page.failed_or_over(problem, "/recover")
}

fn is_mailed(waiting: &WaitingRecovery) -> bool {
    waiting.step.methods() == [Method::MailedCode]
}

fn app_and_browser(PendingPage { context, visit, .. }: &PendingPage) -> (App, String) {
    (context.app.clone(), visit.cookies.browser.clone())
}

/// The recovery, if it waits for another step; otherwise the error page.
async fn waiting(pending_page: &PendingPage) -> Result<WaitingRecovery, PageError> {
    let (app, browser) = app_and_browser(pending_page);
    let (challenge, now) = (pending_page.challenge.clone(), pending_page.context.now());
    let work =
        async move { recovery::waits_for(app, challenge, Channel::Browser(&browser), now).await };
    pending_page.context.run(work).await.map_err(|problem| failed(pending_page, &problem))
}

fn show_form(pending_page: &PendingPage, email: &str, problem: Option<&Problem>) -> HttpResponse {
    let frame = pending_page.frame();
    let error = problem.map(|problem| said(&frame, problem));
    let (flow, back) = (&pending_page.sealed.text, pending_page.with_flow("/login"));
    let mut answer = head(problem);
    pending_page.visit.keep(&pending_page.context.app, &mut answer);
    page(answer, &RecoverPage { frame, flow, email, error: error.as_deref(), back })
}

fn show_code(
    pending_page: &PendingPage,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
) -> HttpResponse {
    let frame = pending_page.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let mut answer = head(problem);
    pending_page.visit.keep(&pending_page.context.app, &mut answer);
    let template = RecoverCodePage {
        frame,
        flow: &pending_page.sealed.text,
        challenge: &pending_page.challenge,
        address: waiting.address.as_deref(),
        error: error.as_deref(),
        again: pending_page.with_challenge("/recover"),
    };
    page(answer, &template)
}

fn show_password(
    pending_page: &PendingPage,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
) -> HttpResponse {
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let frame = pending_page.frame();
    let error = problem.map(|problem| said(&frame, problem));
    let template = ChoosePasswordPage {
        frame,
        title: frame.t("new_password.title"),
        intro: frame.t("recover.password_intro"),
        action: pending_page.with_challenge("/recover/password"),
        hidden: vec![("flow", &sealed.text), ("challenge", challenge)],
        login: waiting.login.as_deref(),
        asks_code: !waiting.step.methods().is_empty(),
        error: error.as_deref(),
        is_code_wrong: problem.is_some_and(is_about_code),
        restart: &pending_page.restart(),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    page_with(answer, &template, &policy(true))
}
