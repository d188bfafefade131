//! `/login`: authenticates the user and continues with the request that required it.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::http::api::login::password;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::browser_login::{self, PasskeyAnswer, SignInOutcome, Typed};
use crate::oauth::pending_request::{Destination, PendingRequest};
use crate::oauth::restart::RestartOptions;
use crate::oauth::sealed_request::SealedRequest;

use super::page_error::{OrErrorPage, PageResult};
use super::pending_page::{PendingPage, open, unusable};
use super::render::{Login, go_here, onwards, page_of, sign_in_info};
use super::{account, error_page, own_account, passkeys, recovery, signup};

/// The sign-in page: without a client, or of the request in the address. The button of the page sends its form
/// to such an address, so that a page with an error can be loaded again without its form.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &RestartOptions::default())?;
    let notice = params.get("notice").and_then(|said| match said {
        recovery::DONE => Some("login.recovered"),
        signup::DONE => Some("login.created"),
        _ => None,
    });
    let visit = Visit::of(&context);
    let (section, console) = match params.get("flow") {
        None => {
            let section = params.get("to").and_then(|to| to.parse().ok());
            (section, params.get("at").map(str::to_owned))
        }
        Some(text) => {
            let opened = open(&context, &visit, text.to_owned());
            let sealed = opened.and_then(|sealed| sealed.require(PendingRequest::needs_sign_in));
            let sealed = sealed.map_err(|error| unusable(&context, error))?;
            if !sealed.request.is_own_account() {
                let page = Login::of(&sealed);
                return Ok(page.show_after(&context, &visit, HttpResponse::Ok(), notice));
            }
            (sealed.request.section, sealed.request.console)
        }
    };
    // The request in the address would have expired before a new one does.
    let request = PendingRequest::begin(&context.app, Destination::Account, context.now());
    let request = request.with_section(section).with_console(console.as_deref());
    own(&context, &visit, request, notice).await
}

/// The sign-in page that leads to a section of the user's own account. For a user who signs in again, the form
/// contains the login name.
async fn own(
    context: &Context,
    visit: &Visit,
    request: PendingRequest,
    notice: Option<&str>,
) -> PageResult {
    let login = match request.section {
        Some(_) => signed_in_as(context, visit).await.unwrap_or_default(),
        None => String::new(),
    };
    let sealed = SealedRequest::seal(&context.app, request, &visit.cookies);
    let sealed =
        sealed.map_err(|fault| own_account(error_page(context, &context.problem(fault.into()))))?;
    let page = Login { login: &login, ..Login::of(&sealed) };
    Ok(own_account(page.show_after(context, visit, HttpResponse::Ok(), notice)))
}

/// The login name of the user who is signed in in this browser. A fault is ignored, because the user can enter
/// the name.
async fn signed_in_as(context: &Context, visit: &Visit) -> Option<String> {
    Some(account::signed_in(context, visit).await.ok()??.user.login)
}

/// Handles the entered credentials.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(signed_in(&pending_page, form)).await
}

async fn signed_in(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let PendingPage { context, visit, sealed, .. } = pending_page;
    let (login, typed) = (form.take("login"), form.take("password"));
    let stay = form.take("stay") == "on";
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let info = sign_in_info(context, &sealed.request);
    let signed_in = match (passkeys::assertion(&mut form), password("password", &typed)) {
        (Some(Err(refusal)), _) | (None, Err(refusal)) => Err(context.problem(refusal.into())),
        (Some(Ok(response)), _) => {
            let step = PasskeyAnswer { challenge: pending_page.challenge.clone(), response, stay };
            context.run(browser_login::sign_in_with_passkey(app, step, cookies, info)).await
        }
        (None, Ok(password)) => {
            let demand = sealed.request.demand();
            let typed = Typed { login: login.clone(), password, stay, demand };
            context.run(browser_login::sign_in(app, typed, cookies, info)).await
        }
    };
    match signed_in {
        Ok(outcome) => Ok(answered(context, sealed, &outcome)),
        Err(problem) => again(pending_page, (&login, stay), &problem),
    }
}

/// The response to a successful step: always a redirect, so that a reload does not send the entries again.
pub(super) fn answered(
    context: &Context,
    sealed: &SealedRequest,
    outcome: &SignInOutcome,
) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    match outcome {
        SignInOutcome::SignedIn(signed_in) => {
            cookie::log_in(&context.app, &mut answer, signed_in);
            go_here(answer, &onwards(context, sealed))
        }
        SignInOutcome::Pending(pending) => go_here(answer, &page_of(context, sealed, pending)),
    }
}

/// The page again, with the error. Login name and "stay signed in" are kept.
fn again(pending_page: &PendingPage, (login, stay): (&str, bool), problem: &Problem) -> PageResult {
    let correctable = matches!(
        problem.code(),
        Code::InvalidCredentials
            | Code::MfaFailed
            | Code::ChallengeInvalid
            | Code::TooManyAttempts
            | Code::ValidationFailed
            | Code::Unavailable
    );
    if !correctable {
        return Err(pending_page.failed(problem));
    }
    let PendingPage { context, visit, sealed, .. } = pending_page;
    let frame = pending_page.frame();
    let error = match problem.code() {
        // The page with the passkey was open for too long. It now has a new challenge.
        Code::ChallengeInvalid => frame.t("passkey.expired").into(),
        Code::MfaFailed => frame.t("passkey.wrong").into(),
        _ => frame.refusal(problem),
    };
    let page = Login { login, stay, error: Some(&error), ..Login::of(sealed) };
    Ok(page.show(context, visit, problem.head()))
}

/// Continues as another user.
pub async fn switch(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_restart_page(&context, &RestartOptions::default())?;
    let visit = Visit::of(&context);
    let opened = open(&context, &visit, form.take("flow"));
    let sealed = opened.and_then(|sealed| sealed.require(PendingRequest::is_asked_for));
    let sealed = sealed.map_err(|error| unusable(&context, error))?;
    Ok(Login::of(&sealed).show(&context, &visit, HttpResponse::Ok()))
}
