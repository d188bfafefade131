//! `/device`: a user enters the code that a device shows (RFC 8628 §3.3).

use actix_web::HttpResponse;

use crate::domain::outcome::{Code, Failure};
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::oauth::device;
use crate::oauth::pending_request::{Destination, PendingRequest};
use crate::oauth::restart::RestartOptions;
use crate::oauth::sealed_request::{SealedRequest, UnusableRequest};

use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::DevicePage;
use super::pending_page::open;
use super::render::{self, head};
use super::{flow_error_page, page};

/// The page, with the code from the address if there is one; or the return from the sign-in page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_restart_page(&context, &beginning())?;
    let visit = Visit::of(&context);
    let Some(flow) = params.get("flow") else {
        let code = params.get("user_code").filter(|code| code.len() <= 64).unwrap_or_default();
        return ask(&context, &visit, code, None);
    };
    let sealed = open(&context, &visit, flow.to_owned());
    let request = sealed.map_err(|error| unusable(&context, error))?.request;
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    match context.run(device::resume(app, request, cookies, context.now())).await {
        Ok(step) => Ok(render::step(&context, &visit, step)),
        Err(problem) => failed(&context, &visit, "", &problem),
    }
}

/// Handles the entered code.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_restart_page(&context, &beginning())?;
    let visit = Visit::of(&context);
    let opened = open(&context, &visit, form.take("flow"));
    opened
        .and_then(|sealed| sealed.require(PendingRequest::is_device))
        .map_err(|error| unusable(&context, error))?;
    let code = form.take("user_code");
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let work = device::typed(app, code.clone(), cookies, context.request_info());
    let step = match context.run(work).await {
        Ok(step) => step,
        Err(problem) => return failed(&context, &visit, &code, &problem),
    };
    let Some(sealed) = step.request() else { return Ok(render::step(&context, &visit, step)) };
    // The next page has its own address, so that reloading it does not lose the code.
    let mut answer = HttpResponse::SeeOther();
    visit.keep(&context.app, &mut answer);
    let query = format!("flow={}", sealed.text);
    Ok(render::go_here(answer, &context.link("/device").with_query(&query)))
}

/// The link to enter the code again.
fn beginning() -> RestartOptions {
    RestartOptions::repeating("/device", Vec::new())
}

/// The refusal of a text that cannot be used.
fn unusable(context: &Context, unusable: UnusableRequest) -> PageError {
    let (refusal, _) = RestartOptions::of_unusable(&context.app, unusable);
    flow_error_page(context, &context.problem(refusal.into()), &beginning()).into()
}

fn failed(context: &Context, visit: &Visit, code: &str, problem: &Problem) -> PageResult {
    if problem.fields().is_empty() && problem.code() != Code::TooManyAttempts {
        return Err(flow_error_page(context, problem, &beginning()).into());
    }
    let shown: String = code.chars().take(16).collect();
    ask(context, visit, &shown, Some(problem))
}

fn ask(context: &Context, visit: &Visit, user_code: &str, problem: Option<&Problem>) -> PageResult {
    let request = PendingRequest::begin(&context.app, Destination::Device(None), context.now());
    let sealed = SealedRequest::seal(&context.app, request, &visit.cookies);
    let sealed = sealed.map_err(|fault| context.problem(Failure::from(fault)));
    let sealed = sealed.or_restart_page(context, &beginning())?;
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    let frame = context.frame(None);
    let error = problem.map(|problem| frame.refusal(problem));
    let error = error.as_deref();
    Ok(page(answer, &DevicePage { frame, flow: &sealed.text, user_code, error }))
}
