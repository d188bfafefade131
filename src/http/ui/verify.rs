//! `/login/verify`: a user whose first step was right adds their second factor, and continues with the request that led
//! to the sign-in.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::domain::recovery_code::RecoveryCode;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Entry, Waiting};
use crate::identity::browser_login;
use crate::identity::second_factor::{CodeMethod, TypedCode};

use super::login::answered;
use super::new_password::UnderWay;
use super::pages::{PasskeyForm, VerifyPage};
use super::render::{self, aim};
use super::{page_with, passkeys, policy, said};

/// The page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let (under_way, params) = match UnderWay::of_address(context, params) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let answer = show(&under_way, method(params.get("method").unwrap_or_default()), None).await;
    under_way.finished(answer)
}

/// The code.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (under_way, mut form) = match UnderWay::of_form(context, form) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, flow, sealed, challenge } = &under_way;
    let method = method(&form.take("method"));
    // A recovery code in the field for the code of an app is one all the same.
    let typed = form.take("code");
    let method =
        if RecoveryCode::parse(&typed).is_some() { CodeMethod::RecoveryCode } else { method };
    let entry = match passkeys::assertion(&mut form) {
        None => Entry::Code(TypedCode::new(method, typed)),
        Some(Ok(response)) => Entry::Passkey(response),
        Some(Err(refusal)) => {
            let problem = context.problem(refusal.into());
            let answer = show(&under_way, method, Some(Wrong(&problem, true)));
            return under_way.finished(answer.await);
        }
    };
    let by_passkey = matches!(entry, Entry::Passkey(_));
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let step = (challenge.clone(), entry);
    let info = render::sign_in_info(context, flow);
    let work = browser_login::continue_sign_in(app, step, visitor, info);
    let answer = match context.run(work).await {
        Ok(outcome) => answered(context, flow, sealed, &outcome),
        Err(problem) => match problem.code() {
            // The page once more, where the user can correct what was wrong.
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                show(&under_way, method, Some(Wrong(&problem, by_passkey))).await
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

/// What was refused, and whether it was a passkey.
struct Wrong<'a>(&'a Problem, bool);

async fn show(under_way: &UnderWay, method: CodeMethod, wrong: Option<Wrong<'_>>) -> HttpResponse {
    let mut answer =
        wrong.as_ref().map_or_else(HttpResponse::Ok, |Wrong(problem, _)| problem.head());
    let UnderWay { context, visit, flow, sealed, challenge } = under_way;
    let Waiting { user, step, public_key } = match under_way.waiting(PAGE).await {
        Ok(waiting) => waiting,
        Err(answer) => return *answer,
    };
    let has = |method: CodeMethod| step.methods().contains(&method.method());
    // An account that has one kind of code is asked for that one.
    let method = [method, CodeMethod::RecoveryCode].into_iter().find(|kind| has(*kind));
    let method = method.unwrap_or(CodeMethod::Totp);
    let (client_name, ui_locales) = aim(context, flow);
    let frame = context.frame(ui_locales.as_deref());
    let is_recovery = method == CodeMethod::RecoveryCode;
    let error = wrong.map(|Wrong(problem, by_passkey)| match (problem.code(), is_recovery) {
        (Code::MfaFailed, _) if by_passkey => frame.t("passkey.wrong").into(),
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
        login: Some(&user.login),
        method: method.method().as_str(),
        is_recovery,
        has_code: has(method) || public_key.is_none(),
        other: has(other).then(|| context.link("/login/verify").with_query(&query)),
        passkey: public_key.map(|options| PasskeyForm {
            challenge: challenge.clone(),
            options: options.to_string(),
        }),
        error: error.as_deref(),
        restart: &render::restart(context, sealed),
    };
    visit.keep(&context.app, &mut answer);
    let script = template.passkey.is_some();
    page_with(answer, &template, &policy(script))
}
