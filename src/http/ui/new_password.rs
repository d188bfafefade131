//! `/login/password`: a user whose password has to be replaced chooses a new one, and continues with the request
//! that led to the sign-in.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::Entry;

use super::login::answered;
use super::page_error::PageResult;
use super::pages::NewPasswordPage;
use super::render::head;
use super::under_way::UnderWay;
use super::{page_with, policy};

/// The page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (under_way, _) = UnderWay::of_address(context, params)?;
    under_way.finish(ask(&under_way, None)).await
}

/// The new password.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (under_way, form) = UnderWay::of_form(context, form)?;
    under_way.finish(change(&under_way, form)).await
}

const PAGE: &str = "/login/password";

async fn change(under_way: &UnderWay, mut form: FormFields) -> PageResult {
    match under_way.advance(Entry::NewPassword(form.take("new_password"))).await {
        Ok(outcome) => Ok(answered(&under_way.context, &under_way.sealed, &outcome)),
        // The page once more, where the user can correct what was wrong.
        Err(problem) => match problem.code() {
            Code::WeakPassword | Code::TooManyAttempts => ask(under_way, Some(&problem)).await,
            Code::Unavailable => Ok(show(under_way, None, Some(&problem))),
            _ => Err(under_way.not_taken(PAGE, &problem).await),
        },
    }
}

async fn ask(under_way: &UnderWay, problem: Option<&Problem>) -> PageResult {
    let waiting = under_way.waiting(PAGE).await?;
    Ok(show(under_way, Some(&waiting.user.login), problem))
}

fn show(under_way: &UnderWay, login: Option<&str>, problem: Option<&Problem>) -> HttpResponse {
    let frame = under_way.frame();
    let error = problem.map(|problem| frame.refusal(problem));
    let client_name = under_way.client_name();
    let template = NewPasswordPage {
        frame,
        flow: &under_way.sealed.text,
        challenge: &under_way.challenge,
        client_name: client_name.as_deref(),
        login,
        error: error.as_deref(),
        restart: &under_way.restart(),
    };
    let mut answer = head(problem);
    under_way.visit.keep(&under_way.context.app, &mut answer);
    page_with(answer, &template, &policy(true))
}
