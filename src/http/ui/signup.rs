//! `/signup`: a user creates an account. If an address has to be verified first, the address and the mailed code
//! come before it. The request that required the sign-in stays pending meanwhile, and continues in the browser in
//! which the code was entered.

use std::future::ready;

use actix_web::HttpResponse;

use crate::base::Secret;
use crate::config::Registration;
use crate::domain::authn::Demand;
use crate::domain::outcome::Code;
use crate::domain::password::Password;
use crate::domain::sign_up::is_automated;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Channel, IssuedChallenge};
use crate::identity::browser_login;
use crate::identity::register;
use crate::identity::sign_up::{self, SignUpOutcome, SignUpRequest, WaitingSignUp};
use crate::oauth::restart::RestartOptions;

use super::login::answered;
use super::page;
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{SignupCodePage, SignupEmailPage};
use super::pending_page::PendingPage;
use super::render::{go_here, head, onwards};
use super::signup_account::{AccountFormView, Typed, can_be_corrected, read};

/// The notice on the sign-in page that the account was created.
pub(super) const DONE: &str = "created";

/// A hidden field that only automated programs fill in.
const DECOY: &str = "website";

/// The form for the address, or for the account.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &RestartOptions::default())?;
    let way = way(&context).or_error_page(&context)?;
    let pending_page = PendingPage::of_address_or_new(context, &params)?;
    let page = match way {
        // Another mail is requested: the form begins with the previous address.
        Way::ByMail => {
            let typed = waiting(&pending_page).map(|waiting| waiting.address).unwrap_or_default();
            show_email(&pending_page, &typed, None)
        }
        Way::AtOnce => show_account(&pending_page, None, (&Typed::default(), None)),
    };
    pending_page.finish(ready(Ok(page))).await
}

/// Handles the address, or the account.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let way = way(&context).or_error_page(&context)?;
    let (pending_page, mut form) = PendingPage::of_form(context, form)?;
    let (begun_at, now) = (pending_page.sealed.request.begun_at, pending_page.context.now());
    let is_automated = is_automated(begun_at, now, &form.take(DECOY));
    let page = async {
        match way {
            Way::ByMail => requested(&pending_page, form.take("email"), is_automated).await,
            Way::AtOnce => registered(&pending_page, &mut form, is_automated).await,
        }
    };
    pending_page.finish(page).await
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> PageResult {
    require_mail(&context)?;
    let (pending_page, _) = PendingPage::of_address(context, params)?;
    let page = match waiting(&pending_page) {
        Ok(WaitingSignUp { is_proven: true, .. }) => {
            Ok(pending_page.to("/signup/account", &pending_page.challenge))
        }
        Ok(waiting) => Ok(show_code(&pending_page, &waiting, None)),
        Err(problem) => Err(failed(&pending_page, &problem)),
    };
    pending_page.finish(ready(page)).await
}

/// Handles the mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    require_mail(&context)?;
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(prove(&pending_page, form)).await
}

async fn prove(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let PendingPage { context, visit, challenge, .. } = pending_page;
    let (app, browser) = (context.app.clone(), visit.cookies.browser.clone());
    let step = (challenge.clone(), Secret::new(form.take("code")));
    let info = context.request_info();
    let work = async move { sign_up::prove(app, step, Channel::Browser(&browser), info).await };
    match context.run(work).await {
        Ok(next) => Ok(pending_page.to("/signup/account", &next.challenge)),
        Err(problem) => match (problem.code(), waiting(pending_page)) {
            (Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable, Ok(waiting)) => {
                Ok(show_code(pending_page, &waiting, Some(&problem)))
            }
            _ => Err(failed(pending_page, &problem)),
        },
    }
}

/// The form for the account of a verified address.
pub async fn get_account(context: Context, params: Result<Params, Problem>) -> PageResult {
    require_mail(&context)?;
    let (pending_page, _) = PendingPage::of_address(context, params)?;
    let page = match waiting(&pending_page) {
        Ok(WaitingSignUp { is_proven: false, .. }) => {
            Ok(pending_page.to("/signup/code", &pending_page.challenge))
        }
        Ok(waiting) => {
            let typed = Typed::begin(&waiting.address);
            Ok(show_account(&pending_page, Some(&waiting.address), (&typed, None)))
        }
        Err(problem) => Err(failed(&pending_page, &problem)),
    };
    pending_page.finish(ready(page)).await
}

/// Handles the account of a verified address.
pub async fn post_account(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    require_mail(&context)?;
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(complete(&pending_page, form)).await
}

async fn complete(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let PendingPage { context, visit, challenge, .. } = pending_page;
    let account = read(&mut form);
    let (app, browser, info) =
        (context.app.clone(), visit.cookies.browser.clone(), pending_page.info());
    let (step, sent) = ((challenge.clone(), None), account.clone());
    let work =
        async move { sign_up::complete(app, step, sent, Channel::Browser(&browser), info).await };
    let problem = match context.run(work).await {
        Ok(SignUpOutcome::Done(user)) => {
            return Ok(sign_in(pending_page, user.login, &account.password).await);
        }
        Ok(SignUpOutcome::Refused(refusal, _)) => context.problem(refusal.into()),
        Err(problem) => problem,
    };
    match waiting(pending_page) {
        Ok(waiting) if can_be_corrected(&problem) && waiting.is_proven => {
            let typed = Typed::of(&account);
            Ok(show_account(pending_page, Some(&waiting.address), (&typed, Some(&problem))))
        }
        _ => Err(failed(pending_page, &problem)),
    }
}

/// How users sign up at this server.
enum Way {
    ByMail,
    AtOnce,
}

fn way(context: &Context) -> Result<Way, Problem> {
    if context.app.config.registration == Registration::Verified {
        return Ok(Way::ByMail);
    }
    context.check(sign_up::require(&context.app, Registration::Open))?;
    Ok(Way::AtOnce)
}

/// Checks that users sign up with a mailed code.
fn require_mail(context: &Context) -> Result<(), PageError> {
    context.check(sign_up::require(&context.app, Registration::Verified)).or_error_page(context)
}

/// The response of a page that cannot continue. An expired sign-up restarts, for the same request.
fn failed(pending_page: &PendingPage, problem: &Problem) -> PageError {
    pending_page.failed_or_over(problem, "/signup")
}

fn waiting(pending_page: &PendingPage) -> Result<WaitingSignUp, Problem> {
    let PendingPage { context, visit, challenge, .. } = pending_page;
    let channel = Channel::Browser(&visit.cookies.browser);
    context.check(sign_up::waits_for(&context.app, challenge, channel, context.now()))
}

async fn requested(pending_page: &PendingPage, email: String, is_automated: bool) -> PageResult {
    let PendingPage { context, visit, .. } = pending_page;
    let (app, browser, info) =
        (context.app.clone(), visit.cookies.browser.clone(), pending_page.info());
    let request = SignUpRequest { email: email.clone(), is_automated };
    let work =
        async move { sign_up::request(app, request, Channel::Browser(&browser), info).await };
    match context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => Ok(pending_page.to("/signup/code", &challenge)),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_email(pending_page, &email, Some(&problem)))
        }
        Err(problem) => Err(failed(pending_page, &problem)),
    }
}

async fn registered(
    pending_page: &PendingPage,
    form: &mut FormFields,
    is_automated: bool,
) -> PageResult {
    let context = &pending_page.context;
    if is_automated {
        return Ok(go_here(HttpResponse::SeeOther(), &onwards(context, &pending_page.sealed)));
    }
    let account = read(form);
    let work = register::register(context.app.clone(), account.clone(), pending_page.info());
    match context.run(work).await {
        Ok(user) => Ok(sign_in(pending_page, user.login, &account.password).await),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_account(pending_page, None, (&Typed::of(&account), Some(&problem))))
        }
        Err(problem) => Err(failed(pending_page, &problem)),
    }
}

/// Signs the new user in like every other sign-in: further required factors are required here as well.
async fn sign_in(pending_page: &PendingPage, login: String, password: &str) -> HttpResponse {
    let PendingPage { context, visit, sealed, .. } = pending_page;
    let Ok(password) = Password::for_verification(password) else {
        return pending_page.to_login(DONE);
    };
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    // The form of a new account has no box for it.
    let typed = browser_login::Typed { login, password, stay: false, demand: Demand::default() };
    let work = browser_login::sign_in(app, typed, cookies, context.request_info());
    match context.run(work).await {
        Ok(outcome) => answered(context, sealed, &outcome),
        // The account exists.
        Err(_) => pending_page.to_login(DONE),
    }
}

fn show_email(pending_page: &PendingPage, email: &str, problem: Option<&Problem>) -> HttpResponse {
    let frame = pending_page.frame();
    let error = problem.map(|problem| frame.refusal(problem));
    let client_name = pending_page.client_name();
    let template = SignupEmailPage {
        frame,
        flow: &pending_page.sealed.text,
        client_name: client_name.as_deref(),
        email,
        error: error.as_deref(),
        sign_in: pending_page.with_flow("/login"),
    };
    let mut answer = head(problem);
    pending_page.visit.keep(&pending_page.context.app, &mut answer);
    page(answer, &template)
}

fn show_code(
    pending_page: &PendingPage,
    waiting: &WaitingSignUp,
    problem: Option<&Problem>,
) -> HttpResponse {
    let frame = pending_page.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let client_name = pending_page.client_name();
    let template = SignupCodePage {
        frame,
        flow: &pending_page.sealed.text,
        challenge: &pending_page.challenge,
        client_name: client_name.as_deref(),
        address: &waiting.address,
        error: error.as_deref(),
        again: pending_page.with_challenge("/signup"),
    };
    let mut answer = head(problem);
    pending_page.visit.keep(&pending_page.context.app, &mut answer);
    page(answer, &template)
}

/// The form for the account: of a verified `address`, or without one.
fn show_account(
    pending_page: &PendingPage,
    address: Option<&str>,
    shown: (&Typed, Option<&Problem>),
) -> HttpResponse {
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let (action, mut hidden) = match address {
        None => (pending_page.with_flow("/signup"), Vec::new()),
        Some(_) => {
            (pending_page.with_challenge("/signup/account"), vec![("challenge", &**challenge)])
        }
    };
    hidden.push(("flow", &sealed.text));
    let client_name = pending_page.client_name();
    let view = AccountFormView {
        ui_locales: sealed.request.ui_locales(),
        client_name: client_name.as_deref(),
        action,
        hidden,
        address,
        sign_in: pending_page.with_flow("/login"),
        restart: &pending_page.restart(),
    };
    let mut answer = head(shown.1);
    visit.keep(&context.app, &mut answer);
    view.show(context, shown, answer)
}
