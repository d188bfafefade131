//! `/oauth2/logout`: signs out of all clients at once (OpenID Connect RP-Initiated Logout); `/logout`: signs out of
//! the user's own account.

use actix_web::{HttpRequest, HttpResponse};

use crate::domain::outcome::Refusal;
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::{FormFields, is_form};
use crate::identity::{account, browser_login};
use crate::oauth::end_session::{self, LogoutStep};
use crate::oauth::params::{Params, invalid};
use crate::oauth::restart::RestartOptions;

use super::consent::decision;
use super::page_error::{OrErrorPage, PageResult};
use super::pages::{BackLink, LoggedOutPage, LogoutConfirmPage};
use super::pending_page::{open, unusable};
use super::render::{Redirection, go, go_here, head, once_more, restart};
use super::{page, stale_form};

/// Handles the request of a client, or of any page that sends a browser here.
pub async fn get(context: Context, request: HttpRequest) -> PageResult {
    begin(context, Params::parse(request.query_string().as_bytes())).await
}

/// The same in a form; forms from other sites have no cookies. Also handles the decision of the user.
pub async fn post(context: Context, request: HttpRequest, body: Body) -> PageResult {
    let body = if is_form(&request) {
        body.0
    } else {
        Err(invalid("The request body must be a form (application/x-www-form-urlencoded)."))
    };
    let body = context.check(body).or_error_page(&context)?;
    let params = context.check(Params::parse(&body)).or_error_page(&context)?;
    let visit = Visit::of(&context);
    let Some(flow) = params.text("flow") else {
        // A hint identifies the session without a cookie. It must not be put in an address, because addresses are
        // logged.
        let asks = params.get("id_token_hint").is_none();
        let again =
            once_more(&request, &visit, context.link("/oauth2/logout"), &params, body.len());
        return match again.filter(|_| asks) {
            Some(answer) => Ok(answer),
            None => begin(context, Ok(params)).await,
        };
    };
    let sealed = open(&context, &visit, flow).map_err(|error| unusable(&context, error))?;
    let restart = RestartOptions::of(&context.app, &sealed.request);
    let decision = context.check(decision(params.get("decision").unwrap_or_default()));
    let leave = decision.as_ref().ok().copied();
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let work = end_session::decide(app, sealed, leave, cookies, context.request_info());
    let step = context.run(work).await.or_restart_page(&context, &restart)?;
    let refused = decision.err();
    Ok(show(&context, &visit, step, Shown::again(&restart, refused.as_ref())))
}

/// The presentation of a step.
#[derive(Clone, Copy, Default)]
struct Shown<'a> {
    /// The requested languages.
    ui_locales: Option<&'a str>,
    /// The error of the user's decision.
    refused: Option<&'a Problem>,
}

impl<'a> Shown<'a> {
    fn again(restart: &'a RestartOptions, refused: Option<&'a Problem>) -> Self {
        Self { ui_locales: restart.ui_locales.as_deref(), refused }
    }
}

async fn begin(context: Context, params: Result<Params, Refusal>) -> PageResult {
    let visit = Visit::of(&context);
    let params = context.check(params).or_error_page(&context)?;
    let ui_locales = params.text("ui_locales").filter(|tags| tags.len() <= 256);
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let work = end_session::begin(app, params, cookies, context.request_info());
    let step = context.run(work).await.or_error_page(&context)?;
    let shown = Shown { ui_locales: ui_locales.as_deref(), refused: None };
    Ok(show(&context, &visit, step, shown))
}

fn show(
    context: &Context,
    visit: &Visit,
    step: LogoutStep,
    Shown { ui_locales, refused }: Shown<'_>,
) -> HttpResponse {
    let frame = context.frame(ui_locales);
    let error = refused.map(|problem| frame.refusal(problem));
    match step {
        LogoutStep::Ask(view) => {
            let client = view.client.as_ref();
            let template = LogoutConfirmPage {
                frame,
                flow: &view.sealed.text,
                login: Some(&view.login),
                client_name: client.map(|client| client.metadata.name.as_str()),
                error: error.as_deref(),
                restart: &restart(context, &view.sealed),
            };
            let mut answer = head(refused);
            visit.keep(&context.app, &mut answer);
            page(answer, &template)
        }
        LogoutStep::Out { back: Some(back) } => {
            let mut answer = HttpResponse::SeeOther();
            cookie::log_out(&context.app, visit, &mut answer);
            let to = Redirection { redirect: &back.redirect, location: &back.location };
            go(context, answer, to, ui_locales)
        }
        LogoutStep::Out { back: None } => out(context, visit, ui_locales, None),
        LogoutStep::NotLoggedIn { link } => {
            let link = link.as_ref().map(|link| BackLink {
                location: &link.0.location,
                client_name: &link.1.metadata.name,
            });
            out(context, visit, ui_locales, link)
        }
        LogoutStep::Stay => go_here(HttpResponse::SeeOther(), &context.link("/account")),
    }
}

fn out(
    context: &Context,
    visit: &Visit,
    ui_locales: Option<&str>,
    back: Option<BackLink<'_>>,
) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    cookie::log_out(&context.app, visit, &mut answer);
    page(answer, &LoggedOutPage { frame: context.frame(ui_locales), back })
}

/// Signs out, from the user's account.
pub async fn own(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_error_page(&context)?;
    let visit = Visit::of(&context);
    if !account::is_token(&context.app, &visit.cookies, &form.take("csrf")) {
        return Err(stale_form(&context).into());
    }
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let work = browser_login::sign_out(app, cookies, context.request_info());
    context.run(work).await.or_error_page(&context)?;
    Ok(out(&context, &visit, None, None))
}
