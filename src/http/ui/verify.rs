//! `/login/verify`: after the first step, a user enters a second factor and continues with the request that led to the
//! sign-in.

use crate::domain::outcome::Code;
use crate::domain::recovery_code::RecoveryCode;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Entry, Waiting};
use crate::identity::second_factor::{CodeMethod, TypedCode};

use super::login::answered;
use super::page_error::PageResult;
use super::pages::{PasskeyForm, VerifyPage};
use super::pending_page::PendingPage;
use super::render::head;
use super::{page_with, passkeys, policy};

/// The page for a second factor during a sign-in.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, params) = PendingPage::of_address(context, params)?;
    let method = method(params.get("method").unwrap_or_default());
    pending_page.finish(show(&pending_page, method, None)).await
}

/// Handles the code.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(check(&pending_page, form)).await
}

async fn check(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let context = &pending_page.context;
    let method = method(&form.take("method"));
    // A recovery code is also accepted in the field for the code of an app.
    let typed = form.take("code");
    let method =
        if RecoveryCode::parse(&typed).is_some() { CodeMethod::RecoveryCode } else { method };
    let entry = match passkeys::assertion(&mut form) {
        None => Entry::Code(TypedCode::new(method, typed)),
        Some(Ok(response)) => Entry::Passkey(response),
        Some(Err(refusal)) => {
            let problem = context.problem(refusal.into());
            return show(pending_page, method, Some(Wrong(&problem, true))).await;
        }
    };
    let by_passkey = matches!(entry, Entry::Passkey(_));
    match pending_page.advance(entry).await {
        Ok(outcome) => Ok(answered(context, &pending_page.sealed, &outcome)),
        Err(problem) => match problem.code() {
            // The page again, if the user can correct the entry.
            Code::MfaFailed | Code::TooManyAttempts | Code::Unavailable => {
                show(pending_page, method, Some(Wrong(&problem, by_passkey))).await
            }
            _ => Err(pending_page.not_taken(PAGE, &problem).await),
        },
    }
}

/// The kind of code that the page expects: of an app, unless the user chose the other kind.
fn method(given: &str) -> CodeMethod {
    if given == CodeMethod::RecoveryCode.method().as_str() {
        CodeMethod::RecoveryCode
    } else {
        CodeMethod::Totp
    }
}

const PAGE: &str = "/login/verify";

/// The refusal, and whether it concerns a passkey.
struct Wrong<'a>(&'a Problem, bool);

async fn show(
    pending_page: &PendingPage,
    method: CodeMethod,
    wrong: Option<Wrong<'_>>,
) -> PageResult {
    let Waiting { user, step, public_key } = pending_page.waiting(PAGE).await?;
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let has = |method: CodeMethod| step.methods().contains(&method.method());
    // If the account has only one kind of code, the page expects that one.
    let method = [method, CodeMethod::RecoveryCode].into_iter().find(|kind| has(*kind));
    let method = method.unwrap_or(CodeMethod::Totp);
    let frame = pending_page.frame();
    let mut answer = head(wrong.as_ref().map(|Wrong(problem, _)| *problem));
    let is_recovery = method == CodeMethod::RecoveryCode;
    let error = wrong.map(|Wrong(problem, by_passkey)| match (problem.code(), is_recovery) {
        (Code::MfaFailed, _) if by_passkey => frame.t("passkey.wrong").into(),
        (Code::MfaFailed, true) => frame.t("verify.wrong_recovery").into(),
        (Code::MfaFailed, false) => frame.t("verify.wrong").into(),
        _ => frame.refusal(problem),
    });
    let other = if is_recovery { CodeMethod::Totp } else { CodeMethod::RecoveryCode };
    let query = format!("flow={}&challenge={challenge}&method={}", sealed.text, other.method());
    let client_name = pending_page.client_name();
    let template = VerifyPage {
        frame,
        flow: &sealed.text,
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
        restart: &pending_page.restart(),
    };
    visit.keep(&context.app, &mut answer);
    let script = template.passkey.is_some();
    Ok(page_with(answer, &template, &policy(script)))
}
