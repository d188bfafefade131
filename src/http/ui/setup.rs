//! `/setup/{token}`: the first administrator.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;

use crate::domain::stop::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::fields::FormFields;
use crate::identity::setup;

use super::{error_page, page};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage<'a> {
    token: &'a str,
    login: &'a str,
    login_error: Option<&'a str>,
    password_error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "first_token.html")]
struct FirstTokenPage<'a> {
    issuer: &'a str,
    login: &'a str,
    login_json: String,
    access_token: &'a str,
}

/// The form. Opening it consumes nothing: link previews and impatient browsers do no harm.
pub async fn get(context: Context, token: Path<String>) -> HttpResponse {
    let checked =
        setup::check_link(context.app.clone(), token.to_string(), context.origin(), context.now());
    match context.run(checked).await {
        Ok(()) => page(
            HttpResponse::Ok(),
            &SetupPage { token: &token, login: "", login_error: None, password_error: None },
        ),
        Err(problem) => error_page(&problem),
    }
}

/// Makes the administrator and shows the first token.
pub async fn post(
    context: Context,
    token: Path<String>,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return error_page(&problem),
    };
    let login = form.take("login");
    let work = setup::complete(
        context.app.clone(),
        token.to_string(),
        login.clone(),
        form.take("password"),
        context.origin(),
        context.device(),
        context.now(),
    );
    match context.run(work).await {
        Ok((user, tokens)) => {
            let template = FirstTokenPage {
                issuer: context.app.issuer(),
                login: &user.login,
                login_json: quoted(&user.login),
                access_token: tokens.access_token(),
            };
            page(HttpResponse::Ok(), &template)
        }
        Err(problem) => again(&token, &login, &problem),
    }
}

/// A login as a string literal that means the same in JSON, JavaScript and Python, and may stand
/// between single quotes in a shell.
fn quoted(login: &str) -> String {
    serde_json::to_string(login).unwrap_or_default().replace('\'', "\\u0027")
}

/// The form once more, with what was wrong beside the field and the login kept.
fn again(token: &str, login: &str, problem: &Problem) -> HttpResponse {
    let correctable =
        matches!(problem.code(), Code::ValidationFailed | Code::WeakPassword | Code::LoginTaken);
    if !correctable {
        return error_page(problem);
    }
    let error_of = |field| problem.fields().iter().find(|e| e.field == field).map(|e| e.hint);
    let template = SetupPage {
        token,
        login,
        login_error: error_of("login"),
        password_error: error_of("password"),
    };
    page(problem.head(), &template)
}
