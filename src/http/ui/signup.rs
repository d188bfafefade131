//! `/signup`: a user makes an account. Where an address is proven first, the address and the mailed code come before
//! it. The request that led to the sign-in waits meanwhile, and goes on in the browser in which the code was typed.

use actix_web::HttpResponse;

use crate::base::Secret;
use crate::config::Registration;
use crate::domain::outcome::Code;
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
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
use super::new_password::UnderWay;
use super::pages::{SignupCodePage, SignupEmailPage};
use super::render::{self, aim, go_here, head, onwards};
use super::signup_account::{AccountFormView, Typed, can_be_corrected, read};
use super::{error_page, flow_error_page, page, said};

/// Says on the sign-in page that there is an account.
pub(super) const DONE: &str = "created";

/// A field that people do not see and programs fill in.
const DECOY: &str = "website";

/// The form for the address, or for the account.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let params = match params {
        Ok(params) => params,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let way = match way(&context) {
        Ok(way) => way,
        Err(problem) => return error_page(&context, &problem),
    };
    let challenge = params.get("challenge").unwrap_or_default().to_owned();
    let under_way = match params.get("flow") {
        Some(sealed) => UnderWay::of(context, sealed.to_owned(), challenge),
        None => UnderWay::begin(context),
    };
    let under_way = match under_way {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let answer = match way {
        // Another mail is asked for: with the address that was typed, until it is another one.
        Way::ByMail => {
            let typed = waiting(&under_way).map(|waiting| waiting.address).unwrap_or_default();
            show_email(&under_way, &typed, None)
        }
        Way::AtOnce => show_account(&under_way, None, (&Typed::default(), None)),
    };
    under_way.finished(answer)
}

/// The address, or the account.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let way = match way(&context) {
        Ok(way) => way,
        Err(problem) => return error_page(&context, &problem),
    };
    let (under_way, mut form) = match UnderWay::of_form(context, form) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let decoy = form.take(DECOY);
    let is_automated = is_automated(under_way.flow.begun_at, under_way.context.now(), &decoy);
    let answer = match way {
        Way::ByMail => requested(&under_way, form.take("email"), is_automated).await,
        Way::AtOnce => registered(&under_way, &mut form, is_automated).await,
    };
    under_way.finished(answer)
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let (under_way, _) =
        match by_mail(context).and_then(|context| UnderWay::of_address(context, params)) {
            Ok(both) => both,
            Err(answer) => return *answer,
        };
    let answer = match waiting(&under_way) {
        Ok(WaitingSignUp { is_proven: true, .. }) => {
            under_way.to("/signup/account", &under_way.challenge)
        }
        Ok(waiting) => show_code(&under_way, &waiting, None),
        Err(problem) => failed(&under_way, &problem),
    };
    under_way.finished(answer)
}

/// The mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) =
        match by_mail(context).and_then(|context| UnderWay::of_form(context, form)) {
            Ok(both) => both,
            Err(answer) => return *answer,
        };
    let UnderWay { context, visit, challenge, .. } = &under_way;
    let (app, browser) = (context.app.clone(), visit.visitor.browser.clone());
    let step = (challenge.clone(), Secret::new(form.take("code")));
    let info = context.request_info();
    let work = async move { sign_up::prove(app, step, Channel::Browser(&browser), info).await };
    let answer = match context.run(work).await {
        Ok(next) => under_way.to("/signup/account", &next.challenge),
        Err(problem) => match (problem.code(), waiting(&under_way)) {
            (Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable, Ok(waiting)) => {
                show_code(&under_way, &waiting, Some(&problem))
            }
            _ => failed(&under_way, &problem),
        },
    };
    under_way.finished(answer)
}

/// The form for the account of a proven address.
pub async fn get_account(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let (under_way, _) =
        match by_mail(context).and_then(|context| UnderWay::of_address(context, params)) {
            Ok(both) => both,
            Err(answer) => return *answer,
        };
    let answer = match waiting(&under_way) {
        Ok(WaitingSignUp { is_proven: false, .. }) => {
            under_way.to("/signup/code", &under_way.challenge)
        }
        Ok(waiting) => {
            let typed = Typed::begin(&waiting.address);
            show_account(&under_way, Some(&waiting.address), (&typed, None))
        }
        Err(problem) => failed(&under_way, &problem),
    };
    under_way.finished(answer)
}

/// The account of a proven address.
pub async fn post_account(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) =
        match by_mail(context).and_then(|context| UnderWay::of_form(context, form)) {
            Ok(both) => both,
            Err(answer) => return *answer,
        };
    let UnderWay { context, visit, challenge, .. } = &under_way;
    let account = read(&mut form);
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), info(&under_way));
    let (step, sent) = ((challenge.clone(), None), account.clone());
    let work =
        async move { sign_up::complete(app, step, sent, Channel::Browser(&browser), info).await };
    let problem = match context.run(work).await {
        Ok(SignUpOutcome::Done(user)) => {
            let answer = sign_in(&under_way, user.login, &account.password).await;
            return under_way.finished(answer);
        }
        Ok(SignUpOutcome::Refused(refusal, _)) => context.problem(refusal.into()),
        Err(problem) => problem,
    };
    let answer = match waiting(&under_way) {
        Ok(waiting) if can_be_corrected(&problem) && waiting.is_proven => {
            let typed = Typed::of(&account);
            show_account(&under_way, Some(&waiting.address), (&typed, Some(&problem)))
        }
        _ => failed(&under_way, &problem),
    };
    under_way.finished(answer)
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
fn by_mail(context: Context) -> Result<Context, Box<HttpResponse>> {
    match context.check(sign_up::require(&context.app, Registration::Verified)) {
        Ok(()) => Ok(context),
        Err(problem) => Err(Box::new(error_page(&context, &problem))),
    }
}

/// In the language of the page, which is that of the mail.
fn info(under_way: &UnderWay) -> RequestInfo {
    let UnderWay { context, flow, .. } = under_way;
    let (_, ui_locales) = aim(context, flow);
    let language = context.locale(ui_locales.as_deref()).lang();
    context.request_info().in_language(language)
}

/// A page that cannot go on. A sign-up that is over begins again, for the same request.
fn failed(under_way: &UnderWay, problem: &Problem) -> HttpResponse {
    if problem.code() != Code::ChallengeInvalid {
        return under_way.failed(problem);
    }
    under_way.over(problem, "/signup")
}

fn waiting(under_way: &UnderWay) -> Result<WaitingSignUp, Problem> {
    let UnderWay { context, visit, challenge, .. } = under_way;
    let channel = Channel::Browser(&visit.visitor.browser);
    context.check(sign_up::waits_for(&context.app, challenge, channel, context.now()))
}

async fn requested(under_way: &UnderWay, email: String, is_automated: bool) -> HttpResponse {
    let UnderWay { context, visit, .. } = under_way;
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), info(under_way));
    let request = SignUpRequest { email: email.clone(), is_automated };
    let work =
        async move { sign_up::request(app, request, Channel::Browser(&browser), info).await };
    match context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => under_way.to("/signup/code", &challenge),
        Err(problem) if can_be_corrected(&problem) => show_email(under_way, &email, Some(&problem)),
        Err(problem) => failed(under_way, &problem),
    }
}

async fn registered(
    under_way: &UnderWay,
    form: &mut FormFields,
    is_automated: bool,
) -> HttpResponse {
    let UnderWay { context, flow, sealed, .. } = under_way;
    if is_automated {
        return go_here(HttpResponse::SeeOther(), &onwards(context, flow, sealed));
    }
    let account = read(form);
    let work = register::register(context.app.clone(), account.clone(), info(under_way));
    match context.run(work).await {
        Ok(user) => sign_in(under_way, user.login, &account.password).await,
        Err(problem) if can_be_corrected(&problem) => {
            show_account(under_way, None, (&Typed::of(&account), Some(&problem)))
        }
        Err(problem) => failed(under_way, &problem),
    }
}

/// Signs the new user in as at every sign-in: what is asked for besides the password is asked for here as well.
async fn sign_in(under_way: &UnderWay, login: String, password: &str) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, .. } = under_way;
    let Ok(password) = Password::for_verification(password) else {
        return under_way.to_login(DONE);
    };
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    // The form of a new account has no box for it.
    let typed = browser_login::Typed { login, password, stay: false };
    let work = browser_login::sign_in(app, typed, visitor, context.request_info());
    match context.run(work).await {
        Ok(outcome) => answered(context, flow, sealed, &outcome),
        // The account is there.
        Err(_) => under_way.to_login(DONE),
    }
}

fn show_email(under_way: &UnderWay, email: &str, problem: Option<&Problem>) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, .. } = under_way;
    let (client_name, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let error = problem.map(|problem| said(frame.locale, problem));
    let template = SignupEmailPage {
        frame,
        flow: sealed,
        client_name: client_name.as_deref(),
        email,
        error: error.as_deref(),
        sign_in: under_way.with_flow("/login"),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    page(answer, &template)
}

fn show_code(
    under_way: &UnderWay,
    waiting: &WaitingSignUp,
    problem: Option<&Problem>,
) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (client_name, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => said(frame.locale, problem),
    });
    let template = SignupCodePage {
        frame,
        flow: sealed,
        challenge,
        client_name: client_name.as_deref(),
        address: &waiting.address,
        error: error.as_deref(),
        again: under_way.with_challenge("/signup"),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    page(answer, &template)
}

/// The form for the account: of a proven `address`, or without one.
fn show_account(
    under_way: &UnderWay,
    address: Option<&str>,
    shown: (&Typed, Option<&Problem>),
) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (client_name, ui_locales) = aim(context, flow);
    let (path, query, mut hidden) = match address {
        None => ("/signup", format!("flow={sealed}"), Vec::new()),
        Some(_) => {
            let query = format!("flow={sealed}&challenge={challenge}");
            ("/signup/account", query, vec![("challenge", &**challenge)])
        }
    };
    hidden.push(("flow", sealed));
    let view = AccountFormView {
        ui_locales: ui_locales.as_deref(),
        client_name: client_name.as_deref(),
        action: context.link(path).with_query(&query),
        hidden,
        address,
        sign_in: under_way.with_flow("/login"),
        restart: &render::restart(context, sealed),
    };
    let mut answer = head(shown.1);
    visit.keep(&context.app, &mut answer);
    view.show(context, shown, answer)
}
