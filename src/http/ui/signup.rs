//! `/signup`: a user makes an account. Where an address is proven first, the address and the mailed code come before
//! it. The request that led to the sign-in waits meanwhile, and goes on in the browser in which the code was typed.

use std::future::ready;

use actix_web::HttpResponse;

use crate::base::Secret;
use crate::config::Registration;
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
use super::render::{go_here, head, onwards};
use super::signup_account::{AccountFormView, Typed, can_be_corrected, read};
use super::under_way::UnderWay;

/// Says on the sign-in page that there is an account.
pub(super) const DONE: &str = "created";

/// A field that people do not see and programs fill in.
const DECOY: &str = "website";

/// The form for the address, or for the account.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &RestartOptions::default())?;
    let way = way(&context).or_error_page(&context)?;
    let under_way = UnderWay::of_address_or_new(context, &params)?;
    let page = match way {
        // Another mail is asked for: with the address that was typed, until it is another one.
        Way::ByMail => {
            let typed = waiting(&under_way).map(|waiting| waiting.address).unwrap_or_default();
            show_email(&under_way, &typed, None)
        }
        Way::AtOnce => show_account(&under_way, None, (&Typed::default(), None)),
    };
    under_way.finish(ready(Ok(page))).await
}

/// The address, or the account.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let way = way(&context).or_error_page(&context)?;
    let (under_way, mut form) = UnderWay::of_form(context, form)?;
    let (begun_at, now) = (under_way.sealed.request.begun_at, under_way.context.now());
    let is_automated = is_automated(begun_at, now, &form.take(DECOY));
    let page = async {
        match way {
            Way::ByMail => requested(&under_way, form.take("email"), is_automated).await,
            Way::AtOnce => registered(&under_way, &mut form, is_automated).await,
        }
    };
    under_way.finish(page).await
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> PageResult {
    require_mail(&context)?;
    let (under_way, _) = UnderWay::of_address(context, params)?;
    let page = match waiting(&under_way) {
        Ok(WaitingSignUp { is_proven: true, .. }) => {
            Ok(under_way.to("/signup/account", &under_way.challenge))
        }
        Ok(waiting) => Ok(show_code(&under_way, &waiting, None)),
        Err(problem) => Err(failed(&under_way, &problem)),
    };
    under_way.finish(ready(page)).await
}

/// The mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    require_mail(&context)?;
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(prove(&under_way, form)).await
}

async fn prove(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let UnderWay { context, visit, challenge, .. } = under_way;
    let (app, browser) = (context.app.clone(), visit.visitor.browser.clone());
    let step = (challenge.clone(), Secret::new(form.take("code")));
    let info = context.request_info();
    let work = async move { sign_up::prove(app, step, Channel::Browser(&browser), info).await };
    match context.run(work).await {
        Ok(next) => Ok(under_way.to("/signup/account", &next.challenge)),
        Err(problem) => match (problem.code(), waiting(under_way)) {
            (Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable, Ok(waiting)) => {
                Ok(show_code(under_way, &waiting, Some(&problem)))
            }
            _ => Err(failed(under_way, &problem)),
        },
    }
}

/// The form for the account of a proven address.
pub async fn get_account(context: Context, params: Result<Params, Problem>) -> PageResult {
    require_mail(&context)?;
    let (under_way, _) = UnderWay::of_address(context, params)?;
    let page = match waiting(&under_way) {
        Ok(WaitingSignUp { is_proven: false, .. }) => {
            Ok(under_way.to("/signup/code", &under_way.challenge))
        }
        Ok(waiting) => {
            let typed = Typed::begin(&waiting.address);
            Ok(show_account(&under_way, Some(&waiting.address), (&typed, None)))
        }
        Err(problem) => Err(failed(&under_way, &problem)),
    };
    under_way.finish(ready(page)).await
}

/// The account of a proven address.
pub async fn post_account(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    require_mail(&context)?;
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(complete(&under_way, form)).await
}

async fn complete(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    let UnderWay { context, visit, challenge, .. } = under_way;
    let account = read(&mut form);
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), under_way.info());
    let (step, sent) = ((challenge.clone(), None), account.clone());
    let work =
        async move { sign_up::complete(app, step, sent, Channel::Browser(&browser), info).await };
    let problem = match context.run(work).await {
        Ok(SignUpOutcome::Done(user)) => {
            return Ok(sign_in(under_way, user.login, &account.password).await);
        }
        Ok(SignUpOutcome::Refused(refusal, _)) => context.problem(refusal.into()),
        Err(problem) => problem,
    };
    match waiting(under_way) {
        Ok(waiting) if can_be_corrected(&problem) && waiting.is_proven => {
            let typed = Typed::of(&account);
            Ok(show_account(under_way, Some(&waiting.address), (&typed, Some(&problem))))
        }
        _ => Err(failed(under_way, &problem)),
    }
}

/// How this server signs users up.
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

/// That users sign up with a mailed code; otherwise the page that says so.
fn require_mail(context: &Context) -> Result<(), PageError> {
    context.check(sign_up::require(&context.app, Registration::Verified)).or_error_page(context)
}

/// A page that cannot go on. A sign-up that is over begins again, for the same request.
fn failed(under_way: &UnderWay, problem: &Problem) -> PageError {
    under_way.failed_or_over(problem, "/signup")
}

fn waiting(under_way: &UnderWay) -> Result<WaitingSignUp, Problem> {
    let UnderWay { context, visit, challenge, .. } = under_way;
    let channel = Channel::Browser(&visit.visitor.browser);
    context.check(sign_up::waits_for(&context.app, challenge, channel, context.now()))
}

async fn requested(under_way: &UnderWay, email: String, is_automated: bool) -> PageResult {
    let UnderWay { context, visit, .. } = under_way;
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), under_way.info());
    let request = SignUpRequest { email: email.clone(), is_automated };
    let work =
        async move { sign_up::request(app, request, Channel::Browser(&browser), info).await };
    match context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => Ok(under_way.to("/signup/code", &challenge)),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_email(under_way, &email, Some(&problem)))
        }
        Err(problem) => Err(failed(under_way, &problem)),
    }
}

async fn registered(under_way: &UnderWay, form: &mut FormFields, is_automated: bool) -> PageResult {
    let context = &under_way.context;
    if is_automated {
        return Ok(go_here(HttpResponse::SeeOther(), &onwards(context, &under_way.sealed)));
    }
    let account = read(form);
    let work = register::register(context.app.clone(), account.clone(), under_way.info());
    match context.run(work).await {
        Ok(user) => Ok(sign_in(under_way, user.login, &account.password).await),
        Err(problem) if can_be_corrected(&problem) => {
            Ok(show_account(under_way, None, (&Typed::of(&account), Some(&problem))))
        }
        Err(problem) => Err(failed(under_way, &problem)),
    }
}

/// Signs the new user in as at every sign-in: what is asked for besides the password is asked for here as well.
async fn sign_in(under_way: &UnderWay, login: String, password: &str) -> HttpResponse {
    let UnderWay { context, visit, sealed, .. } = under_way;
    let Ok(password) = Password::for_verification(password) else {
        return under_way.to_login(DONE);
    };
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    // The form of a new account has no box for it.
    let typed = browser_login::Typed { login, password, stay: false };
    let work = browser_login::sign_in(app, typed, visitor, context.request_info());
    match context.run(work).await {
        Ok(outcome) => answered(context, sealed, &outcome),
        // The account is there.
        Err(_) => under_way.to_login(DONE),
    }
}

fn show_email(under_way: &UnderWay, email: &str, problem: Option<&Problem>) -> HttpResponse {
    let frame = under_way.frame();
    let error = problem.map(|problem| frame.refusal(problem));
    let client_name = under_way.client_name();
    let template = SignupEmailPage {
        frame,
        flow: &under_way.sealed.text,
        client_name: client_name.as_deref(),
        email,
        error: error.as_deref(),
        sign_in: under_way.with_flow("/login"),
    };
    let mut answer = head(problem);
    under_way.visit.keep(&under_way.context.app, &mut answer);
    page(answer, &template)
}

fn show_code(
    under_way: &UnderWay,
    waiting: &WaitingSignUp,
    problem: Option<&Problem>,
) -> HttpResponse {
    let frame = under_way.frame();
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => frame.refusal(problem),
    });
    let client_name = under_way.client_name();
    let template = SignupCodePage {
        frame,
        flow: &under_way.sealed.text,
        challenge: &under_way.challenge,
        client_name: client_name.as_deref(),
        address: &waiting.address,
        error: error.as_deref(),
        again: under_way.with_challenge("/signup"),
    };
    let mut answer = head(problem);
    under_way.visit.keep(&under_way.context.app, &mut answer);
    page(answer, &template)
}

/// The form for the account: of a proven `address`, or without one.
fn show_account(
    under_way: &UnderWay,
    address: Option<&str>,
    shown: (&Typed, Option<&Problem>),
) -> HttpResponse {
    let UnderWay { context, visit, sealed, challenge } = under_way;
    let (action, mut hidden) = match address {
        None => (under_way.with_flow("/signup"), Vec::new()),
        Some(_) => (under_way.with_challenge("/signup/account"), vec![("challenge", &**challenge)]),
    };
    hidden.push(("flow", &sealed.text));
    let client_name = under_way.client_name();
    let view = AccountFormView {
        ui_locales: sealed.request.ui_locales(),
        client_name: client_name.as_deref(),
        action,
        hidden,
        address,
        sign_in: under_way.with_flow("/login"),
        restart: &under_way.restart(),
    };
    let mut answer = head(shown.1);
    visit.keep(&context.app, &mut answer);
    view.show(context, shown, answer)
}
