//! `/recover`: a user who cannot sign in asks for a mail, types the code in it and chooses a new password. The request
//! that led to the sign-in waits meanwhile.

use std::borrow::Cow;

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::base::Secret;
use crate::domain::authn::Method;
use crate::domain::base_path::Link;
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

use super::new_password::UnderWay;
use super::pages::{ChoosePasswordPage, RecoverCodePage, RecoverPage};
use super::render::{self, aim, go_here};
use super::{error_page, flow_error_page, page, page_with, policy};

/// Says on the sign-in page that the password is a new one.
pub(super) const DONE: &str = "recovered";

/// The form for the address.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let params = match params {
        Ok(params) => params,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    if let Err(refusal) = require_mail(&context.app) {
        return error_page(&context, &context.problem(refusal.into()));
    }
    let challenge = params.get("challenge").unwrap_or_default().to_owned();
    let under_way = match params.get("flow") {
        Some(sealed) => match UnderWay::of(context, sealed.to_owned(), challenge) {
            Ok(under_way) => under_way,
            Err(answer) => return *answer,
        },
        None => match UnderWay::begin(context) {
            Ok(under_way) => under_way,
            Err(answer) => return *answer,
        },
    };
    // Another mail is asked for: with the address that was typed, until it is another one.
    let typed = match under_way.challenge.is_empty() {
        true => None,
        false => waiting(&under_way).await.ok().and_then(|waiting| waiting.address),
    };
    let answer = show_form(&under_way, &typed.unwrap_or_default(), None, HttpResponse::Ok());
    under_way.finished(answer)
}

/// The address.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) = match opened(context, form) {
        Ok(opened) => opened,
        Err(answer) => return *answer,
    };
    let email = form.take("email");
    let UnderWay { context, visit, flow, .. } = &under_way;
    let (_, ui_locales) = aim(context, flow);
    let language = context.locale(ui_locales.as_deref()).lang();
    let info = context.request_info().in_language(language);
    let (app, browser, typed) = (context.app.clone(), visit.visitor.browser.clone(), email.clone());
    let work = async move { recovery::request(app, typed, Channel::Browser(&browser), info).await };
    let answer = match context.run(work).await {
        Ok(IssuedChallenge { challenge, .. }) => under_way.to("/recover/code", &challenge),
        Err(problem) => match problem.code() {
            Code::ValidationFailed | Code::TooManyAttempts | Code::Unavailable => {
                show_form(&under_way, &email, Some(&problem), problem.head())
            }
            _ => failed(&under_way, &problem),
        },
    };
    under_way.finished(answer)
}

/// The form for the mailed code.
pub async fn get_code(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let under_way = match in_address(context, params) {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let answer = match waiting(&under_way).await {
        Ok(waiting) if is_mailed(&waiting) => {
            show_code(&under_way, &waiting, None, HttpResponse::Ok())
        }
        Ok(_) => under_way.to("/recover/password", &under_way.challenge),
        Err(problem) => failed(&under_way, &problem),
    };
    under_way.finished(answer)
}

/// The mailed code.
pub async fn post_code(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) = match opened(context, form) {
        Ok(opened) => opened,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, challenge, .. } = &under_way;
    let entry = Entry::MailedCode(Secret::new(form.take("code")));
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), context.request_info());
    let step = (challenge.clone(), entry);
    let work = async move { recovery::advance(app, step, Channel::Browser(&browser), info).await };
    let answer = match context.run(work).await {
        Ok(RecoveryOutcome::Pending(next)) => under_way.to("/recover/password", &next.challenge),
        Ok(RecoveryOutcome::Done) => under_way.to_login(DONE),
        Err(problem) => match problem.code() {
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                match waiting(&under_way).await {
                    Ok(waiting) => show_code(&under_way, &waiting, Some(&problem), problem.head()),
                    Err(problem) => failed(&under_way, &problem),
                }
            }
            _ => failed(&under_way, &problem),
        },
    };
    under_way.finished(answer)
}

/// The form for the new password.
pub async fn get_password(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let under_way = match in_address(context, params) {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let answer = match waiting(&under_way).await {
        Ok(waiting) if is_mailed(&waiting) => under_way.to("/recover/code", &under_way.challenge),
        Ok(waiting) => show_password(&under_way, &waiting, None, HttpResponse::Ok()),
        Err(problem) => failed(&under_way, &problem),
    };
    under_way.finished(answer)
}

/// The new password, with a code of the second factor where the account has one.
pub async fn post_password(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) = match opened(context, form) {
        Ok(opened) => opened,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, challenge, .. } = &under_way;
    let entry = entry(&mut form);
    let (app, browser, info) =
        (context.app.clone(), visit.visitor.browser.clone(), context.request_info());
    let last = (challenge.clone(), entry);
    let work = async move { recovery::finish(app, last, Channel::Browser(&browser), info).await };
    let answer = match context.run(work).await {
        Ok(()) => under_way.to_login(DONE),
        Err(problem) if can_be_corrected(&problem) => match waiting(&under_way).await {
            Ok(waiting) => show_password(&under_way, &waiting, Some(&problem), problem.head()),
            Err(problem) => failed(&under_way, &problem),
        },
        Err(problem) => failed(&under_way, &problem),
    };
    under_way.finished(answer)
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
    super::said(frame.locale, problem)
}

/// Whether the code of the second factor is what was wrong.
pub(super) fn is_about_code(problem: &Problem) -> bool {
    matches!(problem.code(), Code::MfaFailed | Code::MfaRequired)
}

/// A page that cannot go on. A recovery that is over begins again, for the same request.
fn failed(under_way: &UnderWay, problem: &Problem) -> HttpResponse {
    if problem.code() != Code::ChallengeInvalid {
        return under_way.failed(problem);
    }
    under_way.over(problem, "/recover")
}

fn is_mailed(waiting: &WaitingRecovery) -> bool {
    waiting.step.methods() == [Method::MailedCode]
}

async fn waiting(under_way: &UnderWay) -> Result<WaitingRecovery, Problem> {
    let UnderWay { context, visit, challenge, .. } = under_way;
    let (app, browser) = (context.app.clone(), visit.visitor.browser.clone());
    let (challenge, now) = (challenge.clone(), context.now());
    let work =
        async move { recovery::waits_for(app, challenge, Channel::Browser(&browser), now).await };
    context.run(work).await
}

fn opened(
    context: Context,
    form: Result<FormFields, Problem>,
) -> Result<(UnderWay, FormFields), Box<HttpResponse>> {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => {
            let answer = flow_error_page(&context, &problem, &RestartOptions::default());
            return Err(Box::new(answer));
        }
    };
    let under_way = UnderWay::of(context, form.take("flow"), form.take("challenge"))?;
    Ok((under_way, form))
}

fn in_address(
    context: Context,
    params: Result<Params, Problem>,
) -> Result<UnderWay, Box<HttpResponse>> {
    let params = match params {
        Ok(params) => params,
        Err(problem) => {
            let answer = flow_error_page(&context, &problem, &RestartOptions::default());
            return Err(Box::new(answer));
        }
    };
    let given = |name: &str| params.get(name).unwrap_or_default().to_owned();
    UnderWay::of(context, given("flow"), given("challenge"))
}

impl UnderWay {
    pub(super) fn to(&self, path: &str, challenge: &str) -> HttpResponse {
        let query = format!("flow={}&challenge={challenge}", self.sealed);
        go_here(HttpResponse::SeeOther(), &self.context.link(path).with_query(&query))
    }

    /// The sign-in, which says `notice` and goes on with the request that led to it.
    pub(super) fn to_login(&self, notice: &str) -> HttpResponse {
        let query = format!("flow={}&notice={notice}", self.sealed);
        go_here(HttpResponse::SeeOther(), &self.context.link("/login").with_query(&query))
    }

    pub(super) fn with_flow(&self, path: &str) -> Link {
        self.context.link(path).with_query(&format!("flow={}", self.sealed))
    }

    pub(super) fn with_challenge(&self, path: &str) -> Link {
        let query = format!("flow={}&challenge={}", self.sealed, self.challenge);
        self.context.link(path).with_query(&query)
    }

    /// A page whose challenge is over. It begins again at `path`, for the same request.
    pub(super) fn over(&self, problem: &Problem, path: &'static str) -> HttpResponse {
        let Self { context, flow, sealed, .. } = self;
        let (_, ui_locales) = aim(context, flow);
        let again = RestartOptions::repeating(path, vec![("flow", sealed.clone())]);
        flow_error_page(context, problem, &RestartOptions { ui_locales, ..again })
    }
}

fn show_form(
    under_way: &UnderWay,
    email: &str,
    problem: Option<&Problem>,
    mut answer: HttpResponseBuilder,
) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, .. } = under_way;
    let (_, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let error = problem.map(|problem| said(&frame, problem));
    let back = under_way.with_flow("/login");
    visit.keep(&context.app, &mut answer);
    page(answer, &RecoverPage { frame, flow: sealed, email, error: error.as_deref(), back })
}

fn show_code(
    under_way: &UnderWay,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
    mut answer: HttpResponseBuilder,
) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (_, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let error = problem.map(|problem| match problem.code() {
        Code::MfaFailed => frame.t("recover.wrong_code").into(),
        _ => super::said(frame.locale, problem),
    });
    let again = under_way.with_challenge("/recover");
    visit.keep(&context.app, &mut answer);
    let template = RecoverCodePage {
        frame,
        flow: sealed,
        challenge,
        address: waiting.address.as_deref(),
        error: error.as_deref(),
        again,
    };
    page(answer, &template)
}

fn show_password(
    under_way: &UnderWay,
    waiting: &WaitingRecovery,
    problem: Option<&Problem>,
    mut answer: HttpResponseBuilder,
) -> HttpResponse {
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (_, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let query = format!("flow={sealed}&challenge={challenge}");
    let error = problem.map(|problem| said(&frame, problem));
    let template = ChoosePasswordPage {
        frame,
        title: frame.t("new_password.title"),
        intro: frame.t("recover.password_intro"),
        action: context.link("/recover/password").with_query(&query),
        hidden: vec![("flow", sealed), ("challenge", challenge)],
        login: waiting.login.as_deref(),
        asks_code: !waiting.step.methods().is_empty(),
        error: error.as_deref(),
        is_code_wrong: problem.is_some_and(is_about_code),
        restart: &render::restart(context, sealed),
    };
    visit.keep(&context.app, &mut answer);
    page_with(answer, &template, &policy(true))
}
