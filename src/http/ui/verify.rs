//! `/login/verify`: a user whose password was right types a code of their second factor, and continues with the
//! request that led to the sign-in.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::domain::recovery_code::RecoveryCode;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::Entry;
use crate::identity::browser_login;
use crate::identity::second_factor::{CodeMethod, TypedCode};
use crate::oauth::restart::RestartOptions;

use super::login::answered;
use super::new_password::UnderWay;
use super::pages::VerifyPage;
use super::render::{self, aim};
use super::{flow_error_page, page, said};

/// The page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let params = match params {
        Ok(params) => params,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let given = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let under_way = match UnderWay::of(context, given("flow"), given("challenge")) {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let method = method(&given("method"));
    let answer = match under_way.waiting(PAGE).await {
        Ok(login) => show(&under_way, method, Shown { login: Some(&login), problem: None }),
        Err(answer) => *answer,
    };
    under_way.finished(answer)
}

/// The code.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let under_way = match UnderWay::of(context, form.take("flow"), form.take("challenge")) {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, flow, sealed, challenge } = &under_way;
    let method = method(&form.take("method"));
    // A recovery code in the field for the code of an app is one all the same.
    let typed = form.take("code");
    let method =
        if RecoveryCode::parse(&typed).is_some() { CodeMethod::RecoveryCode } else { method };
    let code = TypedCode::new(method, typed);
    let entry = Entry::Code(code);
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let step = (challenge.clone(), entry);
    let work = browser_login::continue_sign_in(app, step, visitor, context.request_info());
    let answer = match context.run(work).await {
        Ok(outcome) => answered(context, flow, sealed, &outcome),
        Err(problem) => match problem.code() {
            // The page once more, where the user can correct what was wrong.
            Code::MfaFailed | Code::TooManyAttempts => match under_way.waiting(PAGE).await {
                Ok(login) => {
                    let shown = Shown { login: Some(&login), problem: Some(&problem) };
                    show(&under_way, method, shown)
                }
                Err(answer) => *answer,
            },
            Code::Unavailable => {
                show(&under_way, method, Shown { login: None, problem: Some(&problem) })
            }
            // The form of another step.
            Code::ValidationFailed => match under_way.waiting(PAGE).await {
                Ok(_) => under_way.failed(&problem),
                Err(answer) => *answer,
            },
            _ => under_way.failed(&problem),
        },
    };
    under_way.finished(answer)
}

/// The kind of code that the page asks for: of an app, unless the user asked for the other one.
fn method(given: &str) -> CodeMethod {
    if given == CodeMethod::RecoveryCode.method().as_str() {
        CodeMethod::RecoveryCode
    } else {
        CodeMethod::Totp
    }
}

const PAGE: &str = "/login/verify";

/// What the page says.
struct Shown<'a> {
    /// Who is signing in, where that could be read.
    login: Option<&'a str>,
    /// Why the last code was refused.
    problem: Option<&'a Problem>,
}

fn show(
    under_way: &UnderWay,
    method: CodeMethod,
    Shown { login, problem }: Shown<'_>,
) -> HttpResponse {
    let mut answer = problem.map_or_else(HttpResponse::Ok, Problem::head);
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let (client_name, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let is_recovery = method == CodeMethod::RecoveryCode;
    let error = problem.map(|problem| match (problem.code(), is_recovery) {
        (Code::MfaFailed, true) => frame.t("verify.wrong_recovery").into(),
        (Code::MfaFailed, false) => frame.t("verify.wrong").into(),
        _ => said(frame.locale, problem),
    });
    let other = if is_recovery { CodeMethod::Totp } else { CodeMethod::RecoveryCode };
    let query = format!("flow={sealed}&challenge={challenge}&method={}", other.method());
    let template = VerifyPage {
        frame,
        flow: sealed,
        challenge,
        client_name: client_name.as_deref(),
        login,
        method: method.method().as_str(),
        is_recovery,
        other: context.link("/login/verify").with_query(&query),
        error: error.as_deref(),
        restart: &render::restart(context, sealed),
    };
    visit.keep(&context.app, &mut answer);
    page(answer, &template)
}
