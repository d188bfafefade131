//! `/oauth2/authorize`: a client sends a user (OpenID Connect Core §3.1.2).

use actix_web::HttpRequest;
use actix_web::http::Method;

use crate::domain::outcome::{Code, Refusal};
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::extract::is_form;
use crate::oauth::authorize;
use crate::oauth::params::{Params, invalid};
use crate::oauth::restart::{RefusedRequest, RestartOptions};

use super::page_error::{OrErrorPage, PageResult};
use super::pending_page::{open, unusable};
use super::render::{once_more, step};
use super::{error_page, flow_error_page};

/// A request in the address, or the return from the sign-in page.
pub async fn get(context: Context, request: HttpRequest) -> PageResult {
    // A HEAD request must not consume a code.
    if request.method() == Method::HEAD {
        let refusal = Refusal::new(Code::MethodNotAllowed, "Use GET or POST.");
        let problem = context.problem(refusal.into()).allowing("GET, POST".to_owned());
        return Err(error_page(&context, &problem).into());
    }
    answer(context, Params::parse(request.query_string().as_bytes())).await
}

/// A request in a form; forms from other sites carry no cookies.
pub async fn post(context: Context, request: HttpRequest, body: Body) -> PageResult {
    let body = if is_form(&request) {
        body.0
    } else {
        Err(invalid("The request body must be a form (application/x-www-form-urlencoded)."))
    };
    let body = context.check(body).or_error_page(&context)?;
    let params = Params::parse(&body);
    let here = context.link("/oauth2/authorize");
    if let Ok(params) = &params
        && let Some(answer) = once_more(&request, &Visit::of(&context), here, params, body.len())
    {
        return Ok(answer);
    }
    answer(context, params).await
}

async fn answer(context: Context, params: Result<Params, Refusal>) -> PageResult {
    let visit = Visit::of(&context);
    let (app, cookies, info) = (context.app.clone(), visit.cookies.clone(), context.request_info());
    let params = context.check(params).or_restart_page(&context, &RestartOptions::default())?;
    let done = if let Some(flow) = params.text("flow") {
        let sealed = open(&context, &visit, flow);
        let request = sealed.map_err(|error| unusable(&context, error))?.request;
        let restart = RestartOptions::of(&app, &request);
        let work = authorize::resume(app, request, cookies, info);
        context.run(work).await.or_restart_page(&context, &restart)?
    } else {
        let request = RefusedRequest::of(&params);
        let begun = context.run(authorize::begin(app, params, cookies, info)).await;
        begun.map_err(|problem| {
            let restart = RestartOptions::of_refused(&context.app, request);
            flow_error_page(&context, &problem, &restart)
        })?
    };
    Ok(step(&context, &visit, done))
}
