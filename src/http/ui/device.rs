//! `/device`: a user types the code that a device shows (RFC 8628 §3.3).

use actix_web::HttpResponse;

use crate::domain::outcome::{Code, Failure};
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::oauth::device;
use crate::oauth::pending_request::{Destination, PendingRequest, of_another_kind};
use crate::oauth::restart::RestartOptions;

use super::pages::DevicePage;
use super::{flow_error_page, page, render, said};

/// The page, with the code in it if the address brought one; or the way back from the log-in page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let params = match params {
        Ok(params) => params,
        Err(problem) => return refused(&context, &problem),
    };
    let visit = Visit::of(&context);
    if let Some(flow) = params.get("flow") {
        let (app, visitor) = (context.app.clone(), visit.visitor.clone());
        let work = device::resume(app, flow.to_owned(), visitor, context.now());
        return match context.run(work).await {
            Ok(step) => render::device(&context, &visit, step),
            Err(problem) => failed(&context, &visit, "", &problem),
        };
    }
    let code = params.get("user_code").filter(|code| code.len() <= 64).unwrap_or_default();
    ask(&context, &visit, code, None, HttpResponse::Ok())
}

/// What was typed.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return refused(&context, &problem),
    };
    let visit = Visit::of(&context);
    let (app, visitor, now) = (context.app.clone(), visit.visitor.clone(), context.now());
    let opened = PendingRequest::open(&app, &form.take("flow"), &visitor, now);
    if let Err(refusal) = opened.and_then(|flow| match flow.aim {
        Destination::Device(_) => Ok(()),
        _ => Err(of_another_kind()),
    }) {
        return refused(&context, &context.problem(refusal.into()));
    }
    let code = form.take("user_code");
    let work = device::typed(app, code.clone(), visitor, context.request_info());
    match context.run(work).await {
        Ok(step) => match step.flow() {
            // The next page has an address of its own: loading it again does not lose the code.
            Some(flow) => {
                let mut answer = HttpResponse::SeeOther();
                visit.keep(&context.app, &mut answer);
                let query = format!("flow={flow}");
                render::go_here(answer, &context.link("/device").with_query(&query))
            }
            None => render::device(&context, &visit, step),
        },
        Err(problem) => failed(&context, &visit, &code, &problem),
    }
}

/// A page that says why not; the code can be typed again.
fn refused(context: &Context, problem: &Problem) -> HttpResponse {
    flow_error_page(context, problem, &RestartOptions::repeating("/device", Vec::new()))
}

fn failed(context: &Context, visit: &Visit, code: &str, problem: &Problem) -> HttpResponse {
    let locale = context.frame(None).locale;
    if problem.fields().is_empty() && problem.code() != Code::TooManyAttempts {
        return refused(context, problem);
    }
    let error = said(locale, problem);
    let shown: String = code.chars().take(16).collect();
    ask(context, visit, &shown, Some(&error), problem.head())
}

fn ask(
    context: &Context,
    visit: &Visit,
    user_code: &str,
    error: Option<&str>,
    mut answer: actix_web::HttpResponseBuilder,
) -> HttpResponse {
    let flow = PendingRequest::begin(&context.app, Destination::Device(None), context.now());
    match flow.seal(&context.app, &visit.visitor) {
        Ok(flow) => {
            visit.keep(&context.app, &mut answer);
            let frame = context.frame(None);
            page(answer, &DevicePage { frame, flow: &flow, user_code, error })
        }
        Err(fault) => refused(context, &context.problem(Failure::from(fault))),
    }
}
