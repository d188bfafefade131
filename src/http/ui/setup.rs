//! `/setup/{token}`: the first administrator.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::setup;

use super::console;
use super::page_error::{OrErrorPage, PageResult};
use super::{Frame, error_page, page, page_with, policy};

#[derive(Template)]
#[template(path = "setup.html")]
pub(super) struct SetupPage<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) token: &'a str,
    pub(super) login: &'a str,
    pub(super) login_error: Option<&'a str>,
    pub(super) password_error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "first_token.html")]
pub(super) struct FirstTokenPage<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) issuer: &'a str,
    pub(super) login: &'a str,
    pub(super) login_json: String,
    pub(super) access_token: &'a str,
    pub(super) has_console: bool,
}

/// The form. Loading it does not consume the link, so link previews and prefetching are harmless.
pub async fn get(context: Context, token: Path<String>) -> PageResult {
    let checked = setup::check_link(context.app.clone(), token.to_string(), context.request_info());
    context.run(checked).await.or_error_page(&context)?;
    let frame = context.frame(None);
    let (login_error, password_error) = (None, None);
    let template = SetupPage { frame, token: &token, login: "", login_error, password_error };
    Ok(page_with(HttpResponse::Ok(), &template, &policy(true)))
}

/// Creates the administrator and shows the first token.
pub async fn post(
    context: Context,
    token: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let mut form = form.or_error_page(&context)?;
    let login = form.take("login");
    let work = setup::complete(
        context.app.clone(),
        token.to_string(),
        login.clone(),
        form.take("password"),
        context.request_info(),
    );
    let (user, tokens) = match context.run(work).await {
        Ok(made) => made,
        Err(problem) => return again(&context, &token, &login, &problem),
    };
    let template = FirstTokenPage {
        frame: context.frame(None).shown_once(),
        issuer: context.app.issuer(),
        login: &user.login,
        login_json: quoted(&user.login),
        access_token: tokens.access_token(),
        has_console: console::is_there(&context),
    };
    Ok(page(HttpResponse::Ok(), &template))
}

/// A login name as a string literal that is valid in JSON, JavaScript and Python, also between single quotes
/// in a shell.
pub(super) fn quoted(login: &str) -> String {
    serde_json::to_string(login).unwrap_or_default().replace('\'', "\\u0027")
}

/// The form again, with the error beside the field. The login is kept.
fn again(context: &Context, token: &str, login: &str, problem: &Problem) -> PageResult {
    let correctable =
        matches!(problem.code(), Code::ValidationFailed | Code::WeakPassword | Code::LoginTaken);
    if !correctable {
        return Err(error_page(context, problem).into());
    }
    let frame = context.frame(None);
    let of = |field| problem.fields().iter().find(|e| e.field == field);
    let error_of = |field| of(field).map(|error| frame.field(error));
    let template = SetupPage {
        frame,
        token,
        login,
        login_error: error_of("login"),
        password_error: error_of("password"),
    };
    Ok(page_with(problem.head(), &template, &policy(true)))
}
