//! `/login`: authenticates the user, and continues with the request that led there.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::http::api::login::password;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::browser_login::{self, PasskeyAnswer, SignInOutcome, Typed};
use crate::identity::current_login::current_login;
use crate::oauth::pending_request::{Destination, PendingRequest, of_another_kind};
use crate::oauth::restart::RestartOptions;

use super::client_card::logo_of;
use super::render::{Login, aim, go_here, onwards, page_of, sign_in_info};
use super::{error_page, flow_error_page, own_account, passkeys, recovery, said, signup};

/// The sign-in page: without a client, or of the request in the address. The button of the page sends its form
/// to such an address, so that a page with an error can be loaded again without its form.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let params = match &params {
        Ok(params) => params,
        Err(problem) => return flow_error_page(&context, problem, &RestartOptions::default()),
    };
    let notice = params.get("notice").and_then(|said| match said {
        recovery::DONE => Some("login.recovered"),
        signup::DONE => Some("login.created"),
        _ => None,
    });
    let visit = Visit::of(&context);
    let Some(sealed) = params.get("flow") else {
        let section = params.get("to").and_then(|to| to.parse().ok());
        let flow = PendingRequest::begin(&context.app, Destination::Account, context.now());
        let flow = flow.with_section(section).with_console(params.get("at"));
        return own(&context, &visit, &flow, notice).await;
    };
    let opened = PendingRequest::open(&context.app, sealed, &visit.visitor, context.now());
    match opened.and_then(|flow| match flow.aim {
        Destination::Logout(_) => Err(of_another_kind()),
        _ => Ok(flow),
    }) {
        // Its own request would have expired before a new one does.
        Ok(PendingRequest { aim: Destination::Account, section, console, .. }) => {
            let flow = PendingRequest::begin(&context.app, Destination::Account, context.now());
            let flow = flow.with_section(section).with_console(console.as_deref());
            own(&context, &visit, &flow, notice).await
        }
        Ok(flow) => anew(&context, &visit, (&flow, sealed), notice),
        Err(refusal) => {
            let restart = RestartOptions::of_sealed(&context.app, sealed);
            flow_error_page(&context, &context.problem(refusal.into()), &restart)
        }
    }
}

/// The sign-in page of the user's own account, which leads to a section of it. A user who is signed in and comes back
/// to sign in again finds their login name in the form.
async fn own(
    context: &Context,
    visit: &Visit,
    flow: &PendingRequest,
    notice: Option<&str>,
) -> HttpResponse {
    let login = match flow.section {
        Some(_) => signed_in_as(context, visit).await.unwrap_or_default(),
        None => String::new(),
    };
    own_account(match flow.seal(&context.app, &visit.visitor) {
        Ok(flow) => Login { login: &login, ..Login::of_flow(&flow) }.show_after(
            context,
            visit,
            HttpResponse::Ok(),
            notice,
        ),
        Err(fault) => error_page(context, &context.problem(fault.into())),
    })
}

/// The login name of the user who is signed in in this browser. Without it the user types it: no reason to fail.
async fn signed_in_as(context: &Context, visit: &Visit) -> Option<String> {
    let (app, visitor, now) = (context.app.clone(), visit.visitor.clone(), context.now());
    let here = context.run(async move { Ok(current_login(&app, &visitor, now).await?) }).await;
    Some(here.ok()??.user.login)
}

/// The sign-in page of a request that is under way, without a login name.
fn anew(
    context: &Context,
    visit: &Visit,
    (flow, sealed): (&PendingRequest, &str),
    notice: Option<&str>,
) -> HttpResponse {
    let (client_name, ui_locales) = aim(context, flow);
    let login = Login {
        client_name: client_name.as_deref(),
        client_logo: logo_of(context, flow),
        ui_locales: ui_locales.as_deref(),
        ..Login::of_flow(sealed)
    };
    login.show_after(context, visit, HttpResponse::Ok(), notice)
}

/// What was typed.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let visit = Visit::of(&context);
    let sealed = form.take("flow");
    // First of all: a form that this browser was not given logs no user in.
    let flow = match PendingRequest::open(&context.app, &sealed, &visit.visitor, context.now()) {
        Ok(flow) => flow,
        Err(refusal) => {
            let restart = RestartOptions::of_sealed(&context.app, &sealed);
            return flow_error_page(&context, &context.problem(refusal.into()), &restart);
        }
    };
    let own = matches!(flow.aim, Destination::Account);
    let answer = signed_in(context, visit, flow, Filled { sealed, form }).await;
    if own { own_account(answer) } else { answer }
}

/// A form that was filled in.
struct Filled {
    sealed: String,
    form: FormFields,
}

async fn signed_in(
    context: Context,
    visit: Visit,
    flow: PendingRequest,
    filled: Filled,
) -> HttpResponse {
    let Filled { sealed, mut form } = filled;
    let (login, typed) = (form.take("login"), form.take("password"));
    let stay = form.take("stay") == "on";
    let assertion = passkeys::assertion(&mut form);
    let signed_in = match (assertion, password("password", &typed)) {
        (Some(Err(refusal)), _) | (None, Err(refusal)) => Err(context.problem(refusal.into())),
        (Some(Ok(response)), _) => {
            let step = PasskeyAnswer { challenge: form.take("challenge"), response, stay };
            let (app, visitor) = (context.app.clone(), visit.visitor.clone());
            let info = sign_in_info(&context, &flow);
            context.run(browser_login::sign_in_with_passkey(app, step, visitor, info)).await
        }
        (None, Ok(password)) => {
            let typed = Typed { login: login.clone(), password, stay };
            let (app, visitor) = (context.app.clone(), visit.visitor.clone());
            let info = sign_in_info(&context, &flow);
            context.run(browser_login::sign_in(app, typed, visitor, info)).await
        }
    };
    match signed_in {
        Ok(outcome) => answered(&context, &flow, &sealed, &outcome),
        Err(problem) => again(
            &context,
            &visit,
            &FailedSignIn { flow: &flow, sealed: &sealed, login: &login, stay },
            &problem,
        ),
    }
}

/// The answer to a step that succeeded: always a redirect, so that what was typed is not sent again.
pub(super) fn answered(
    context: &Context,
    flow: &PendingRequest,
    sealed: &str,
    outcome: &SignInOutcome,
) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    match outcome {
        SignInOutcome::SignedIn(signed_in) => {
            cookie::log_in(&context.app, &mut answer, signed_in);
            go_here(answer, &onwards(context, flow, sealed))
        }
        SignInOutcome::Pending(pending) => go_here(answer, &page_of(context, sealed, pending)),
    }
}

/// A sign-in that was refused.
struct FailedSignIn<'a> {
    /// What the user was signing in for.
    flow: &'a PendingRequest,
    /// The same, as the form carried it.
    sealed: &'a str,
    /// The login name that was typed.
    login: &'a str,
    /// Whether "stay signed in" was ticked.
    stay: bool,
}

/// The page once more, with what was wrong and the login kept.
fn again(
    context: &Context,
    visit: &Visit,
    failed: &FailedSignIn<'_>,
    problem: &Problem,
) -> HttpResponse {
    let FailedSignIn { flow, sealed, login, stay } = *failed;
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
        return flow_error_page(context, problem, &RestartOptions::of(&context.app, flow));
    }
    let (client_name, ui_locales) = aim(context, flow);
    let locale = context.frame(ui_locales.as_deref()).locale;
    let error = match problem.code() {
        // Of a passkey: the page was open for too long. It has a new challenge now.
        Code::ChallengeInvalid => locale.t("passkey.expired").into(),
        Code::MfaFailed => locale.t("passkey.wrong").into(),
        _ => said(locale, problem),
    };
    let login = Login {
        flow: sealed,
        login,
        client_name: client_name.as_deref(),
        client_logo: logo_of(context, flow),
        ui_locales: ui_locales.as_deref(),
        stay,
        error: Some(&error),
    };
    login.show(context, visit, problem.head())
}

/// Another user wants to go on.
pub async fn switch(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let visit = Visit::of(&context);
    let sealed = form.take("flow");
    let flow = PendingRequest::open(&context.app, &sealed, &visit.visitor, context.now());
    let flow = flow.and_then(|flow| match flow.aim {
        Destination::Authorize(_) | Destination::Device(_) => Ok(flow),
        Destination::Account | Destination::Logout(_) => Err(of_another_kind()),
    });
    match flow {
        Ok(flow) => anew(&context, &visit, (&flow, &sealed), None),
        Err(refusal) => {
            let restart = RestartOptions::of_sealed(&context.app, &sealed);
            flow_error_page(&context, &context.problem(refusal.into()), &restart)
        }
    }
}
