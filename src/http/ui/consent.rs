//! `/consent`: a user allows a client or a device something, or does not.

use actix_web::HttpResponse;

use crate::domain::outcome::Refusal;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::oauth::pending_request::{Destination, PendingRequest};
use crate::oauth::restart::RestartOptions;
use crate::oauth::{authorize, device};

use super::flow_error_page;
use super::render;

/// What was decided.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    let visit = Visit::of(&context);
    let (app, visitor, now) = (context.app.clone(), visit.visitor.clone(), context.now());
    let sealed = form.take("flow");
    let restart = RestartOptions::of_sealed(&app, &sealed);
    let refused = |problem: &Problem| flow_error_page(&context, problem, &restart);
    let aim = match PendingRequest::open(&app, &sealed, &visitor, now) {
        Ok(flow) => flow.aim,
        Err(refusal) => return refused(&context.problem(refusal.into())),
    };
    let info = context.request_info();
    match (aim, decision(&form.take("decision"))) {
        (Destination::Device(_), Ok(allow)) => {
            match context.run(device::decide(app, sealed, allow, visitor, info)).await {
                Ok(step) => render::device(&context, &visit, step),
                Err(problem) => refused(&problem),
            }
        }
        (_, Ok(allow)) => {
            match context.run(authorize::decide(app, sealed, allow, visitor, info)).await {
                Ok(step) => render::step(&context, &visit, step),
                Err(problem) => refused(&problem),
            }
        }
        (Destination::Device(_), Err(refusal)) => {
            let undecided = context.problem(refusal.into());
            match context.run(device::resume(app, sealed, visitor, now)).await {
                Ok(step) => render::device_again(&context, &visit, step, Some(&undecided)),
                Err(problem) => refused(&problem),
            }
        }
        (_, Err(refusal)) => {
            let undecided = context.problem(refusal.into());
            match context.run(authorize::resume(app, sealed, visitor, info)).await {
                Ok(step) => render::step_again(&context, &visit, step, &undecided),
                Err(problem) => refused(&problem),
            }
        }
    }
}

/// Yes or no; nothing else is taken for either.
pub(super) fn decision(typed: &str) -> Result<bool, Refusal> {
    match typed {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Refusal::field(
            "decision",
            "unknown",
            "Choose one of the two buttons: allow or deny.",
        )),
    }
}
