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
    let aim = PendingRequest::open(&app, &sealed, &visitor, now).map(|flow| flow.aim);
    let allow = match decision(&mut form) {
        Ok(allow) => allow,
        Err(refusal) => return refused(&context.problem(refusal.into())),
    };
    match aim {
        Err(refusal) => refused(&context.problem(refusal.into())),
        Ok(Destination::Device(_)) => {
            let work = device::decide(app, sealed, allow, visitor, context.request_info());
            match context.run(work).await {
                Ok(step) => render::device(&context, &visit, step),
                Err(problem) => refused(&problem),
            }
        }
        Ok(_) => {
            let work = authorize::decide(app, sealed, allow, visitor, context.request_info());
            match context.run(work).await {
                Ok(step) => render::step(&context, &visit, step),
                Err(problem) => refused(&problem),
            }
        }
    }
}

/// Yes or no; nothing else is taken for either.
pub(super) fn decision(form: &mut FormFields) -> Result<bool, Refusal> {
    match form.take("decision").as_str() {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Refusal::field("decision", "unknown", "The decision is allow or deny.")),
    }
}
